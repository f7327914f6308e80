package record

import (
	"bytes"
	"math/rand"
	"strings"
	"testing"
)

// inOnePiece is what a Masker is to give: each run of overlapping secrets is one mask.
func inOnePiece(text string, secrets []string) string {
	var masked strings.Builder
	until := 0
	for at := 0; at < len(text); at++ {
		longest := 0
		for _, secret := range secrets {
			if secret != "" && strings.HasPrefix(text[at:], secret) {
				longest = max(longest, len(secret))
			}
		}
		if longest > 0 {
			if at >= until {
				masked.WriteString(mask)
			}
			until = max(until, at+longest)
		}
		if at >= until {
			masked.WriteByte(text[at])
		}
	}
	return masked.String()
}

func inPieces(text string, secrets []string, sizes ...int) string {
	masker := NewMasker(secrets)
	var masked bytes.Buffer
	for turn := 0; len(text) > 0; turn++ {
		size := min(sizes[turn%len(sizes)], len(text))
		masked.Write(masker.Mask([]byte(text[:size])))
		text = text[size:]
	}
	masked.Write(masker.Flush())
	return masked.String()
}

func TestMasker(t *testing.T) {
	for _, test := range []struct {
		title, text string
		secrets     []string
		want        string
	}{
		{"none", "as it is", nil, "as it is"},
		{"empty ones", "as it is", []string{"", ""}, "as it is"},
		{"one", "my secret is secret", []string{"secret"}, "my [MASKED] is [MASKED]"},
		{"side by side", "secretsecret", []string{"secret"}, "[MASKED][MASKED]"},
		{"overlapping", "xabcdx", []string{"abc", "bcd"}, "x[MASKED]x"},
		{"overlapping itself", "xaaax", []string{"aa"}, "x[MASKED]x"},
		{"a chain", "abababa", []string{"aba"}, "[MASKED]"},
		{"one in another", "xabcdex", []string{"bcd", "abcde"}, "x[MASKED]x"},
		{"the shorter is left", "abcd!", []string{"abcde", "bc"}, "a[MASKED]d!"},
		{"one byte", "banana", []string{"a"}, "b[MASKED]n[MASKED]n[MASKED]"},
		{"only begun", "sec", []string{"secret"}, "sec"},
		{"begun again", "secsecret", []string{"secret"}, "sec[MASKED]"},
		{"over lines", "a\nkey1\nkey2\nb", []string{"key1\nkey2"}, "a\n[MASKED]\nb"},
		{"not text", "\x00\xff\xfe\x00", []string{"\xff\xfe"}, "\x00[MASKED]\x00"},
		{"the mask itself", "MASKED", []string{"MASKED"}, "[MASKED]"},
	} {
		t.Run(test.title, func(t *testing.T) {
			if got := inOnePiece(test.text, test.secrets); got != test.want {
				t.Errorf("the model gives %q, want %q", got, test.want)
			}
			for size := 1; size <= len(test.text); size++ {
				if got := inPieces(test.text, test.secrets, size); got != test.want {
					t.Errorf("in pieces of %d: got %q, want %q", size, got, test.want)
				}
			}
		})
	}
}

func TestMaskerHoldsBackOnlyBeginnings(t *testing.T) {
	masker := NewMasker([]string{"secret", "token"})
	for _, step := range []struct{ chunk, want string }{
		{"a line\n", "a line\n"},
		{"se", ""},
		{"t\n", "set\n"},
		{"secr", ""},
		{"tok", "secr"},
		{"en!", "[MASKED]!"},
	} {
		if got := string(masker.Mask([]byte(step.chunk))); got != step.want {
			t.Errorf("after %q: got %q, want %q", step.chunk, got, step.want)
		}
	}
}

func TestMaskerAtRandom(t *testing.T) {
	random := rand.New(rand.NewSource(1))
	word := func(longest int) string {
		text := make([]byte, random.Intn(longest+1))
		for index := range text {
			text[index] = "ab\n"[random.Intn(3)]
		}
		return string(text)
	}
	for range 20000 {
		secrets := []string{word(6), word(4), word(3)}
		text, size := word(40), 1+random.Intn(7)
		if got, want := inPieces(text, secrets, size), inOnePiece(text, secrets); got != want {
			t.Fatalf("%q without %q in pieces of %d: got %q, want %q", text, secrets, size, got, want)
		}
	}
}

func FuzzMasker(f *testing.F) {
	f.Add("abababa", "aba", "b", 2, 3)
	f.Add("my secret", "secret", "", 4, 1)
	f.Fuzz(func(t *testing.T, text, first, second string, size, next int) {
		secrets := []string{first, second}
		got := inPieces(text, secrets, 1+size&0xff, 1+next&0xff)
		if want := inOnePiece(text, secrets); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	})
}
