package upstream

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"smt-ha/lab/internal/settings"
)

func TestServesFilesRangesAndTheProtectedPartToTheMirrorOnly(t *testing.T) {
	dir := t.TempDir()
	for _, file := range []string{"lab-updates/a.rpm", settings.UpstreamProtected + "$RCE/Lab-Pool/b.rpm"} {
		path := filepath.Join(dir, file)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte("0123456789"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var log bytes.Buffer
	server := httptest.NewServer(Handler(dir, &log))
	defer server.Close()

	protected := settings.UpstreamProtected + "$RCE/Lab-Pool/b.rpm"
	for _, c := range []struct {
		path, user, password, span string
		status                     int
		body                       string
	}{
		{"/lab-updates/a.rpm", "", "", "", 200, "0123456789"},
		{"/lab-updates/a.rpm", "", "", "bytes=4-5", 206, "45"},
		{"/lab-updates/none.rpm", "", "", "", 404, "404 page not found\n"},
		{"/../upstream.go", "", "", "", 404, "404 page not found\n"},
		{protected, "", "", "", 401, "401 Authorization Required\n"},
		{protected, settings.UpstreamUser, "wrong", "", 401, "401 Authorization Required\n"},
		{protected, "", settings.UpstreamPassword, "", 401, "401 Authorization Required\n"},
		{"/lab-updates/.." + protected, "", "", "", 401, "401 Authorization Required\n"},
		{protected, settings.UpstreamUser, settings.UpstreamPassword, "", 200, "0123456789"},
	} {
		request, err := http.NewRequest("GET", server.URL+c.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		if c.user+c.password != "" {
			request.SetBasicAuth(c.user, c.password)
		}
		if c.span != "" {
			request.Header.Set("Range", c.span)
		}
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(response.Body)
		response.Body.Close()
		if response.StatusCode != c.status || string(body) != c.body {
			t.Errorf("%+v: %d %q", c, response.StatusCode, body)
		}
	}
	want := "127.0.0.1 GET /lab-updates/a.rpm \"bytes=4-5\" 206\n"
	if !bytes.Contains(log.Bytes(), []byte(want)) || bytes.Contains(log.Bytes(), []byte(settings.UpstreamPassword)) {
		t.Errorf("log: %s", log.String())
	}
}

// TestTheRepositoriesBuild builds them with the real rpmbuild and createrepo_c.
func TestTheRepositoriesBuild(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "out")
	if output, err := exec.Command("../../upstream/build", dir).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, output)
	}
	for _, repository := range []string{"lab-updates", "lab-tools", settings.UpstreamProtected + "$RCE/Lab-Pool/sles-11-x86_64"} {
		for _, pattern := range []string{"repodata/repomd.xml", "noarch/*.noarch.rpm", "src/*.src.rpm"} {
			found, err := filepath.Glob(filepath.Join(dir, repository, pattern))
			if err != nil || len(found) == 0 {
				t.Errorf("%s has no %s", repository, pattern)
			}
		}
	}
}
