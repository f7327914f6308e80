// Command goyaml reads YAML as kubectl does: a JSON array of documents on stdin, on stdout what each one holds or why
// it cannot be read, in the same order.
package main

import (
	"encoding/json"
	"log"
	"os"

	"sigs.k8s.io/yaml"
)

type result struct {
	Value json.RawMessage `json:"value,omitempty"`
	Error string          `json:"error,omitempty"`
}

func main() {
	var documents []string
	if err := json.NewDecoder(os.Stdin).Decode(&documents); err != nil {
		log.Fatal(err)
	}
	results := make([]result, 0, len(documents))
	for _, document := range documents {
		results = append(results, read(document))
	}
	if err := json.NewEncoder(os.Stdout).Encode(results); err != nil {
		log.Fatal(err)
	}
}

// read is strict because a key written twice must not pass for a document that was read back.
func read(document string) result {
	value, err := yaml.YAMLToJSONStrict([]byte(document))
	if err != nil {
		return result{Error: err.Error()}
	}
	return result{Value: value}
}
