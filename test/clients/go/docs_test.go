package clients

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// The programs of docs/clients-go.md, as they stand there but for the endpoints, which are those of this cluster.
func TestProgramsOfTheDocumentRun(t *testing.T) {
	endpoints := os.Getenv("ONAR_ENDPOINTS")
	if endpoints == "" {
		t.Skip("ONAR_ENDPOINTS is not set")
	}
	document, err := os.ReadFile(root + "/docs/clients-go.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := regexp.MustCompile("(?ms)^```go\n(.*?)^```$").FindAllStringSubmatch(string(document), -1)
	outputs := []string{"true hello\n", "the key holds no number\n"}
	if len(blocks) != len(outputs) {
		t.Fatalf("%d programs, expected %d", len(blocks), len(outputs))
	}
	here, err := filepath.Abs(root)
	if err != nil {
		t.Fatal(err)
	}
	for i, block := range blocks {
		program := block[1]
		for n, endpoint := range strings.Split(endpoints, ",") {
			program = strings.ReplaceAll(program, "127.0.0.1:460"+string(rune('0'+n)), endpoint)
		}
		folder := t.TempDir()
		for name, change := range map[string]func(string) string{
			"go.mod": func(text string) string { return strings.ReplaceAll(text, "../../..", here) },
			"go.sum": func(text string) string { return text },
		} {
			text, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			write(t, filepath.Join(folder, name), change(string(text)))
		}
		write(t, filepath.Join(folder, "main.go"), program)
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
		command := exec.CommandContext(ctx, "go", "run", ".")
		command.Dir = folder
		output, err := command.CombinedOutput()
		cancel()
		if err != nil || string(output) != outputs[i] {
			t.Errorf("program %d: %v, %s", i+1, err, output)
		}
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
