package common

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/hashicorp/packer-plugin-sdk/multistep"
	"github.com/hashicorp/packer-plugin-sdk/multistep/commonsteps"
	packersdk "github.com/hashicorp/packer-plugin-sdk/packer"

	"github.com/unikernel-ami/packer-plugin-unikernel/internal/progress"
)

// stallTimeout is how long a server may send nothing. The SDK's downloader
// alone would wait for half an hour; a server that means to answer does so
// within seconds. It is a variable for the tests.
var stallTimeout = time.Minute

// isURL reports whether an image is to be downloaded.
func isURL(image string) bool {
	scheme, _, ok := strings.Cut(image, "://")
	return ok && (strings.EqualFold(scheme, "https") || strings.EqualFold(scheme, "http"))
}

// shown is an image without what a URL may hold of passwords and tokens.
func shown(image string) string {
	if !isURL(image) {
		return image
	}
	u, err := url.Parse(image)
	if err != nil {
		return "the URL"
	}
	return u.Scheme + "://" + u.Host + u.EscapedPath()
}

// checkImage checks the options that say where the image comes from.
func (c *Config) checkImage() []error {
	var errs []error
	if c.Image == "" {
		errs = append(errs, errors.New("image is not set: specify the unikernel's file"))
	}
	if c.MaxImageSize < 1 || c.MaxImageSize > maxMaxImageSize {
		errs = append(errs, fmt.Errorf("max_image_size is %d: it must be 1 to %d MiB", c.MaxImageSize, maxMaxImageSize))
	}
	if c.ImageChecksum != "" {
		if _, _, err := parseChecksum(c.ImageChecksum); err != nil {
			errs = append(errs, fmt.Errorf("image_checksum is %q: %w", c.ImageChecksum, err))
		}
	}
	if scheme, _, ok := strings.Cut(c.Image, "://"); ok && !isURL(c.Image) {
		errs = append(errs, fmt.Errorf("image begins with %s://: it must be an https:// or http:// URL or the path of a file", scheme))
	}
	if isURL(c.Image) {
		errs = append(errs, checkURL(c.Image))
		if c.ImageChecksum == "" {
			errs = append(errs, errors.New("image is a URL, but image_checksum is not set: set it to sha256: followed by the output of sha256sum"))
		}
	}
	return errs
}

// maxMaxImageSize is 1 TiB in MiB: far more than a kernel has, and far from
// what a number of bytes can't hold.
const maxMaxImageSize = 1 << 20

// checkURL refuses what the SDK's downloader would not take for a part of the
// URL.
func checkURL(image string) error {
	u, err := url.Parse(image)
	if err != nil {
		return fmt.Errorf("image is not a valid URL: %w", errors.Unwrap(err))
	}
	if u.Host == "" {
		return fmt.Errorf("image is %q: the URL has no host", image)
	}
	if strings.Contains(u.Path, "//") {
		return fmt.Errorf("image is %s: the downloader treats what follows // as a directory in an archive: use a single slash", shown(image))
	}
	for _, parameter := range []string{"checksum", "archive"} {
		if u.Query().Has(parameter) {
			return fmt.Errorf("image is %s with the parameter %q, which the downloader interprets itself: remove it, and use image_checksum", shown(image), parameter)
		}
	}
	return nil
}

// download fetches the image into Packer's cache, or finds it there, and
// returns its path.
func (c *Config) download(ctx context.Context, ui packersdk.Ui) (string, error) {
	source, err := url.Parse(c.Image)
	if err != nil {
		return "", err
	}
	query := source.Query()
	query.Set("archive", "false") // unpacking is ours to do, and to bound
	source.RawQuery = query.Encode()
	step := &commonsteps.StepDownload{
		Checksum:    c.ImageChecksum,
		Description: "image",
		ResultKey:   "image",
		Url:         []string{source.String()},
		Extension:   "img",
	}
	// The SDK's own lock knows no cancelling, and nobody says what it waits for.
	held, err := acquire(ctx, ui, shown(c.Image))
	if err != nil {
		return "", err
	}
	path, err := runDownload(ctx, ui, step, c.MaxImageSize<<20)
	if err != nil {
		err = errors.Join(err, removePartial(step))
	}
	return path, errors.Join(err, held.release())
}

// removePartial removes what a failed download has left in the cache.
func removePartial(step *commonsteps.StepDownload) error {
	_, target, err := step.UseSourceToFindCacheTarget(step.Url[0])
	if err != nil {
		return err
	}
	return os.RemoveAll(target)
}

// runDownload runs the SDK's step, and ends it where nothing comes or too
// much.
func runDownload(ctx context.Context, ui packersdk.Ui, step *commonsteps.StepDownload, most int64) (string, error) {
	bounded, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	reporter := progress.Lines(ui.Say)
	defer reporter.Done()
	watch := &downloadUI{Ui: ui, most: most, end: cancel, report: reporter.Report}
	watch.idle = time.AfterFunc(stallTimeout, func() {
		cancel(fmt.Errorf("the server sent nothing for %s: try again, or download the file yourself", stallTimeout))
	})
	defer watch.idle.Stop()
	ui.Say("downloading " + shown(step.Url[0]))
	state := new(multistep.BasicStateBag)
	state.Put("ui", watch)
	if step.Run(bounded, state) == multistep.ActionContinue {
		return state.Get(step.ResultKey).(string), nil // as StepDownload documents
	}
	if cause := context.Cause(bounded); cause != nil {
		return "", cause
	}
	return "", state.Get("error").(error)
}

// A downloadUI watches the SDK's downloader through the interface by which
// that shows its progress.
type downloadUI struct {
	packersdk.Ui
	most   int64 // bytes
	end    context.CancelCauseFunc
	idle   *time.Timer
	report func(what string, done, total int64)
}

// Say puts the downloader's messages, which may hold the URL's secrets and name
// its inner steps, into the log, which has them already.
func (u *downloadUI) Say(text string) { log.Print("[DEBUG] " + text) }

// Error does the same: the error is returned.
func (u *downloadUI) Error(text string) { u.Say(text) }

// TrackProgress is what each download's body goes through. The total is
// unknown where it is less than what there is already.
func (u *downloadUI) TrackProgress(_ string, current, total int64, body io.ReadCloser) io.ReadCloser {
	if total > u.most {
		u.end(u.tooLarge())
	}
	return &watchedBody{body, u, current, total}
}

func (u *downloadUI) tooLarge() error {
	return fmt.Errorf("it is larger than max_image_size (%d MiB): use a smaller image, or increase max_image_size", u.most>>20)
}

// A watchedBody shows progress, and ends a download that stalls or has too
// many bytes.
type watchedBody struct {
	io.ReadCloser
	ui          *downloadUI
	done, total int64
}

func (b *watchedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.ui.idle.Reset(stallTimeout)
	if b.done += int64(n); b.done > b.ui.most {
		b.ui.end(b.ui.tooLarge())
		return 0, b.ui.tooLarge()
	}
	b.ui.report("download", b.done, b.total)
	return n, err
}
