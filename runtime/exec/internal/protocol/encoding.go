package protocol

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
)

// FromCtrl reads a line of osmo-ctrl.
func FromCtrl(line []byte) (Message, error) { return decode(line, fromCtrl()) }

// FromAgent reads a line of the agent.
func FromAgent(line []byte) (Message, error) { return decode(line, fromAgent()) }

// Encode writes a message as a line.
func Encode(message Message) ([]byte, error) {
	name, kind := message.tag()
	*kind = name
	if hello, is := message.(*Hello); is && hello.Ended != nil {
		hello.Ended.Kind = "ended"
	}
	return Line(message)
}

// Line writes a value as JSON in one line.
func Line(value any) ([]byte, error) {
	var line bytes.Buffer
	encoder := json.NewEncoder(&line)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		return nil, err
	}
	if line.Len() > Longest {
		return nil, fmt.Errorf("a message of %d bytes is too long", line.Len())
	}
	return line.Bytes(), nil
}

// Strict reads a JSON object that has no fields but those of value.
func Strict(line []byte, value any) error {
	decoder := json.NewDecoder(bytes.NewReader(line))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(value); err != nil {
		return err
	}
	if _, err := decoder.Token(); err != io.EOF {
		return fmt.Errorf("more than one value in a line")
	}
	return nil
}

func decode(line []byte, candidates []Message) (Message, error) {
	var head struct {
		Kind string `json:"kind"`
	}
	if err := json.Unmarshal(line, &head); err != nil {
		return nil, err
	}
	for _, message := range candidates {
		if name, _ := message.tag(); name == head.Kind {
			if err := Strict(line, message); err != nil {
				return nil, fmt.Errorf("message %q: %w", name, err)
			}
			return message, nil
		}
	}
	return nil, fmt.Errorf("unknown message %q", head.Kind)
}
