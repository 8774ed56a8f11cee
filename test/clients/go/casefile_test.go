package clients

import (
	"encoding/hex"
	"fmt"
	"os"
	"strings"

	"gopkg.in/yaml.v3"
)

// testCase is one case of test/clients/cases.yaml, whose header says what each part means.
type testCase struct {
	Name string `yaml:"name"`
	// Pipeline: false where the case means something else for calls on a stream.
	Pipeline *bool  `yaml:"pipeline"`
	On       string `yaml:"on"`
	// Endpoints, Views and Untold are the fake server's business.
	Endpoints []int      `yaml:"endpoints"`
	Views     [][]int    `yaml:"views"`
	MostViews int        `yaml:"most_views"`
	Untold    int        `yaml:"untold"`
	Nodes     []string   `yaml:"nodes"`
	Client    clientPart `yaml:"client"`
	Steps     []step     `yaml:"steps"`
}

type clientPart struct {
	TimeoutMs *int   `yaml:"timeout_ms"`
	ClusterID string `yaml:"cluster_id"`
	Direct    *bool  `yaml:"direct"`
}

type step struct {
	Call          string      `yaml:"call"`
	Key           caseKey     `yaml:"key"`
	Value         caseBytes   `yaml:"value"`
	Delta         yaml.Node   `yaml:"delta"`
	Condition     *condition  `yaml:"condition"`
	Consistency   string      `yaml:"consistency"`
	TimeoutMs     *int        `yaml:"timeout_ms"`
	Times         int         `yaml:"times"`
	KillWriterAt  int         `yaml:"kill_writer_at"`
	Save          string      `yaml:"save"`
	Expect        expectation `yaml:"expect"`
	Answers       []yaml.Node `yaml:"answers"`
	AtOnce        int         `yaml:"at_once"`
	CancelAfterMs *int        `yaml:"cancel_after_ms"`
	CloseAfterMs  *int        `yaml:"close_after_ms"`
	// What follows is the fake server's business.
	OtherNode    bool  `yaml:"other_node"`
	Reaches      []int `yaml:"reaches"`
	Only         []int `yaml:"only"`
	MostUnderWay int   `yaml:"most_under_way"`
	MostAttempts int   `yaml:"most_attempts"`
}

type condition struct {
	Version  yaml.Node  `yaml:"version"`
	Value    *caseBytes `yaml:"value"`
	Presence string     `yaml:"presence"`
}

type expectation struct {
	Outcome     string     `yaml:"outcome"`
	Reason      reasons    `yaml:"reason"`
	Code        string     `yaml:"code"`
	Names       string     `yaml:"names"`
	Version     yaml.Node  `yaml:"version"`
	Found       *bool      `yaml:"found"`
	Value       *caseBytes `yaml:"value"`
	Consistency string     `yaml:"consistency"`
	Swapped     *bool      `yaml:"swapped"`
	Deleted     *bool      `yaml:"deleted"`
	Number      yaml.Node  `yaml:"number"`
}

// caseBytes is BYTES: a text, {hex: …} or {text: …, times: …}.
type caseBytes []byte

func (b *caseBytes) UnmarshalYAML(node *yaml.Node) error {
	if node.Kind == yaml.ScalarNode {
		*b = []byte(node.Value)
		return nil
	}
	var parts struct {
		Hex   *string `yaml:"hex"`
		Text  string  `yaml:"text"`
		Times int     `yaml:"times"`
	}
	if err := strict(node, &parts, "hex", "text", "times"); err != nil {
		return err
	}
	if parts.Hex == nil {
		*b = []byte(strings.Repeat(parts.Text, parts.Times))
		return nil
	}
	decoded, err := hex.DecodeString(*parts.Hex)
	*b = decoded
	return err
}

// caseKey is BYTES, prefixed unless it is given as {exact: BYTES}.
type caseKey struct {
	bytes caseBytes
	exact bool
}

func (k *caseKey) UnmarshalYAML(node *yaml.Node) error {
	if node.Kind == yaml.MappingNode && len(node.Content) > 0 && node.Content[0].Value == "exact" {
		k.exact = true
		return node.Content[1].Decode(&k.bytes)
	}
	return node.Decode(&k.bytes)
}

// reasons is one reason or a list.
type reasons []string

func (r *reasons) UnmarshalYAML(node *yaml.Node) error {
	if node.Kind == yaml.ScalarNode {
		*r = []string{node.Value}
		return nil
	}
	return node.Decode((*[]string)(r))
}

// strict decodes a mapping that has no other fields than these.
func strict(node *yaml.Node, into any, fields ...string) error {
	for i := 0; i < len(node.Content); i += 2 {
		known := false
		for _, field := range fields {
			known = known || node.Content[i].Value == field
		}
		if !known {
			return fmt.Errorf("line %d: %q is not known", node.Content[i].Line, node.Content[i].Value)
		}
	}
	return node.Decode(into)
}

// loadCases reads the shared cases. What this runner does not know is an error: it must not pass by being ignored.
func loadCases(path string) ([]testCase, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	decoder := yaml.NewDecoder(file)
	decoder.KnownFields(true)
	var document struct {
		Cases []testCase `yaml:"cases"`
	}
	if err := decoder.Decode(&document); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return document.Cases, nil
}
