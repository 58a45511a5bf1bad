package ec2ami

import (
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"

	"github.com/unikernel-ami/packer-plugin-unikernel/xenpv/disk"
)

const (
	// requestTimeout bounds one attempt of one call. AWS answers within a second
	// as a rule; a call that takes longer has hung, and is better asked again.
	requestTimeout = 20 * time.Second

	// slowestLine is the upload rate, in bytes a second, that is still served:
	// about half a megabit.
	slowestLine = 70_000

	// blockTimeout is the same for a block, which shares the line with those of
	// all other workers.
	blockTimeout = Workers * disk.BlockSize / slowestLine * time.Second

	// maxAnswer bounds what an endpoint may answer to one call. The largest true
	// answers, lists of images, have a few megabytes.
	maxAnswer = 64 << 20
)

// httpClient keeps one idle connection for each worker: the SDK's default of
// ten would have the others shake hands anew for every block.
func httpClient() *awshttp.BuildableClient {
	return awshttp.NewBuildableClient().
		WithTimeout(requestTimeout).
		WithTransportOptions(func(t *http.Transport) { t.MaxIdleConnsPerHost = Workers })
}

// forBlocks gives a client the time that blocks take.
func forBlocks(client aws.HTTPClient) aws.HTTPClient {
	if buildable, ok := client.(*awshttp.BuildableClient); ok {
		return buildable.WithTimeout(blockTimeout)
	}
	return client
}

// boundedClient bounds the answers that are read into memory.
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
		return n, fmt.Errorf("read answer: it is longer than %d MiB, which no answer of AWS is", maxAnswer>>20)
	}
	return n, err
}
