// Package command makes what can be executed of a command, arguments and variables.
package command

import "strings"

// Expand replaces $(NAME) as the kubelet does in commands: an unknown name stays as it is, $$ stands for $.
// See third_party/forked/golang/expansion of Kubernetes.
func Expand(text string, lookup func(name string) (string, bool)) string {
	var expanded strings.Builder
	for {
		dollar := strings.IndexByte(text, '$')
		if dollar < 0 || dollar+1 == len(text) {
			expanded.WriteString(text)
			return expanded.String()
		}
		expanded.WriteString(text[:dollar])
		text = text[dollar+1:]
		switch closing := strings.IndexByte(text, ')'); {
		case text[0] == '$':
			expanded.WriteByte('$')
			text = text[1:]
		case text[0] == '(' && closing > 0:
			name := text[1:closing]
			if value, known := lookup(name); known {
				expanded.WriteString(value)
			} else {
				expanded.WriteString("$(" + name + ")")
			}
			text = text[closing+1:]
		default:
			expanded.WriteByte('$')
		}
	}
}
