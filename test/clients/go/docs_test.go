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

// The programs of the documents, as they stand there but for the endpoints, which are those of this cluster.
func TestProgramsOfTheDocumentsRun(t *testing.T) {
	stubs := "it is 42\nnot executed: NOT_A_NUMBER\nnot executed: KEY_EMPTY says key\n"
	for _, document := range []struct {
		name    string
		outputs []string
		// With nobody at the first endpoint the programs say the same.
		withoutFirst bool
	}{
		{"clients-go.md", []string{"true hello\n", "the key holds no number\n"}, false},
		{"stubs.md", []string{stubs}, true},
	} {
		t.Run(document.name, func(t *testing.T) {
			endpoints := strings.Split(os.Getenv("ONAR_ENDPOINTS"), ",")
			if endpoints[0] == "" {
				t.Skip("ONAR_ENDPOINTS is not set")
			}
			text, err := os.ReadFile(root + "/docs/" + document.name)
			if err != nil {
				t.Fatal(err)
			}
			blocks := regexp.MustCompile("(?ms)^```go\n(.*?)^```$").FindAllStringSubmatch(string(text), -1)
			if len(blocks) != len(document.outputs) {
				t.Fatalf("%d programs, expected %d", len(blocks), len(document.outputs))
			}
			for i, block := range blocks {
				check(t, i+1, block[1], endpoints, document.outputs[i])
				if document.withoutFirst {
					check(t, i+1, block[1], append([]string{"127.0.0.1:1"}, endpoints[1:]...), document.outputs[i])
				}
			}
		})
	}
}

// check runs one program with these endpoints.
func check(t *testing.T, number int, program string, endpoints []string, expected string) {
	t.Helper()
	here, err := filepath.Abs(root)
	if err != nil {
		t.Fatal(err)
	}
	for n, endpoint := range endpoints {
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
	defer cancel()
	command := exec.CommandContext(ctx, "go", "run", ".")
	command.Dir = folder
	if output, err := command.CombinedOutput(); err != nil || string(output) != expected {
		t.Errorf("program %d at %v: %v, %s", number, endpoints, err, output)
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
