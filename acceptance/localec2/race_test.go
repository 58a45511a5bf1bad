//go:build race

package localec2

// raceDetector says that the detector is on, which slows the test's own
// clients down more than the server.
const raceDetector = true
