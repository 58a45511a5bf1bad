package cloud

import (
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
)

const (
	// Workers is how many blocks are uploaded at once by default, each of 512 KiB. A
	// unikernel's disk has 3 to 60 blocks, and 16 workers send 60 in four rounds.
	// They keep two cores busy with TLS and copying; 64, as in awslabs/coldsnap,
	// took 1.4 times as long here (make bench), and EBS accepts at most 1000 blocks
	// a second.
	Workers = 16

	// requestTimeout bounds one attempt of one call. AWS answers within a second
	// as a rule; a call that takes longer hangs, and is better repeated.
	requestTimeout = 20 * time.Second

	// slowestLine is the lowest supported upload rate, in bytes a second: about half
	// a megabit.
	slowestLine = 70_000

	// blockTimeout bounds one attempt to upload a block, which shares the line with
	// those of all other workers. A [Pace] has a shorter one for fewer workers.
	blockTimeout = MaxWorkers*blockSize/slowestLine*time.Second + requestTimeout

	// blockSize is the size of a block of the EBS direct APIs, in bytes.
	blockSize = 512 << 10

	// maxAnswer bounds the answer to one call, in bytes. The largest real answers,
	// lists of images, have a few megabytes.
	maxAnswer = 64 << 20
)

// httpClient keeps one idle connection for each worker. With the SDK's default
// of ten, the others would need a new handshake for every block.
func (o Options) httpClient() *awshttp.BuildableClient {
	return awshttp.NewBuildableClient().
		WithTimeout(requestTimeout).
		WithTransportOptions(func(t *http.Transport) {
			t.MaxIdleConnsPerHost = MaxWorkers
			if o.InsecureTLS {
				t.TLSClientConfig.InsecureSkipVerify = true
			}
		})
}

// forBlocks raises a client's timeout to the time that a block may take, on the way
// there. The answer must begin within the usual time.
func forBlocks(client aws.HTTPClient) aws.HTTPClient {
	if buildable, ok := client.(*awshttp.BuildableClient); ok {
		return buildable.WithTimeout(blockTimeout).
			WithTransportOptions(func(t *http.Transport) { t.ResponseHeaderTimeout = requestTimeout })
	}
	return client
}

// boundedClient bounds the size of answers, which are read into memory.
type boundedClient struct{ aws.HTTPClient }

func (c boundedClient) Do(request *http.Request) (*http.Response, error) {
	response, err := c.HTTPClient.Do(request)
	if err == nil {
		response.Body = &boundedBody{response.Body, maxAnswer}
	}
	return response, err
}

type boundedBody struct {
	io.ReadCloser
	left int
}

func (b *boundedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if b.left -= n; b.left < 0 {
		return n, fmt.Errorf("read response: larger than %d MiB, which no response of AWS is", maxAnswer>>20)
	}
	return n, err
}

// plainBodies hides the WriteTo method of the SDK's request bodies. The SDK
// closes them as soon as an answer arrives. net/http, which looks for more to
// send after the last byte, then takes their io.EOF for a failed request and
// closes the connection before the answer is read (smithy-go 1.28,
// NewSafeReadCloser). A nearby server and a busy machine are enough for that.
type plainBodies struct{ aws.HTTPClient }

func (c plainBodies) Do(request *http.Request) (*http.Response, error) {
	if request.Body != nil && request.Body != http.NoBody {
		request.Body = struct{ io.ReadCloser }{request.Body}
	}
	return c.HTTPClient.Do(request)
}
