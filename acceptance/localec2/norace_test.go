//go:build !race

package localec2

const raceDetector = false
