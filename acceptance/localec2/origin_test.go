package localec2

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/ec2"

	"github.com/unikernel-ami/packer-plugin-unikernel/internal/oracle"
)

func TestOrigins(t *testing.T) {
	l := start(t, Options{})
	for _, test := range []struct {
		host, header, value string
		want                int
	}{
		{"", "", "", 200},
		{"localhost:80", "", "", 200},
		{"[::1]:80", "", "", 200},
		{"bucket.localhost:80", "", "", 200},
		{"127.0.0.9", "", "", 200},
		{"rebound.example.com", "", "", 403},
		{"127.0.0.1.example.com:80", "", "", 403},
		{"10.0.0.1", "", "", 403},
		{"", "Origin", l.URL(), 200},
		{"", "Origin", "http://127.0.0.1:1", 403},
		{"", "Origin", "https://example.com", 403},
		{"", "Origin", "null", 403},
		{"", "Sec-Fetch-Site", "same-origin", 200},
		{"", "Sec-Fetch-Site", "none", 200}, // typed into the address bar
		{"", "Sec-Fetch-Site", "same-site", 403},
		{"", "Sec-Fetch-Site", "cross-site", 403},
	} {
		req := must(http.NewRequest(http.MethodGet, l.URL()+"/_localec2/calls", http.NoBody))(t)
		req.Host = test.host
		if test.header != "" {
			req.Header.Set(test.header, test.value)
		}
		if status, body := l.send(req); status != test.want {
			t.Errorf("host %q, %s %q: status %d, want %d: %s", test.host, test.header, test.value, status, test.want, body)
		}
	}
}

// evilPage tries to change the server and to read from it. It puts what it read
// into its title.
const evilPage = `<title>nothing</title><form id=f method=post target=frame enctype=text/plain action=%[1]s/_localec2/faults>
<input name="*" value="refuse,times=0"></form><iframe name=frame></iframe><script>
document.getElementById("f").submit()
fetch("%[1]s/_localec2/faults", {method: "POST", mode: "no-cors", body: "*=refuse,times=0"})
fetch("%[1]s/_localec2/resources").then(r => r.text()).then(text => document.title = "read " + text)
fetch("%[1]s/?Action=DescribeRegions", {mode: "no-cors"})
</script>`

// A page of another origin can't make the server do or tell anything.
func TestPageOfAnotherOrigin(t *testing.T) {
	chromium := oracle.NeedOne(t, "chromium-headless-shell", "chromium")
	l := start(t, Options{})
	visited := make(chan string, 100)
	page := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		visited <- r.URL.Path
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprintf(w, evilPage, l.URL())
	}))
	defer page.Close()
	dom, err := exec.CommandContext(t.Context(), chromium, "--headless", "--no-sandbox", "--disable-gpu", "--user-data-dir="+t.TempDir(),
		"--virtual-time-budget=5000", "--dump-dom", page.URL).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, dom)
	}
	if path := <-visited; path != "/" || !strings.Contains(string(dom), "<title>nothing</title>") {
		t.Errorf("the page read from the server, or didn't load:\n%s", dom)
	}
	if calls := l.Calls(); len(calls) > 0 {
		t.Errorf("the page made the server run %v", calls)
	}
	if _, err := l.ec2.DescribeRegions(t.Context(), &ec2.DescribeRegionsInput{}); err != nil {
		t.Errorf("the page injected a fault: %v", err)
	}
}
