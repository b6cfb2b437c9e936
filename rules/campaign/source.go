package campaign

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// The limits of a campaign file.
const (
	maxFile    = 1 << 20 // bytes
	maxNesting = 100     // lists and objects inside each other
)

// read turns a file into nodes. It reports and gives nil if it cannot.
func (r *reader) read(src []byte) *node {
	switch {
	case len(src) > maxFile:
		r.report(place{}, CodeTooLarge, fmt.Sprintf("the file is too large: %d bytes, at most %d", len(src), maxFile),
			"Keep long contents in templates and name them.")
		return nil
	case !utf8.Valid(src):
		r.report(place{}, CodeSyntax, "the file is not UTF-8 text", "Save it as UTF-8.")
		return nil
	case len(bytes.TrimSpace(src)) == 0:
		r.report(place{}, CodeSyntax, "the file is empty", "")
		return nil
	case json.Valid(src):
		return r.readJSON(src)
	}
	return r.readYAML(src)
}

var yamlLine = regexp.MustCompile(`^yaml: (?:line (\d+): )?`)

func (r *reader) readYAML(src []byte) *node {
	decoder := yaml.NewDecoder(bytes.NewReader(src))
	var document, second yaml.Node
	if err := decoder.Decode(&document); err != nil {
		r.yamlError(src, err)
		return nil
	}
	if err := decoder.Decode(&second); err == nil {
		r.report(place{line: second.Line, column: second.Column}, CodeMultipleDocs,
			"the file holds more than one document", `Keep one campaign per file and remove the "---" between them.`)
		return nil
	} else if !errors.Is(err, io.EOF) {
		r.yamlError(src, err)
		return nil
	}
	if len(document.Content) != 1 {
		r.report(place{}, CodeSyntax, "the file is empty", "")
		return nil
	}
	before := len(r.violations)
	n := r.convert(document.Content[0], "", 1)
	if len(r.violations) > before {
		return nil
	}
	return n
}

func (r *reader) yamlError(src []byte, err error) {
	if errors.Is(err, io.EOF) {
		r.report(place{}, CodeSyntax, "the file is empty", "")
		return
	}
	message, at := err.Error(), place{}
	if found := yamlLine.FindStringSubmatch(message); found != nil {
		message = strings.TrimPrefix(message, found[0])
		if line, err := strconv.Atoi(found[1]); err == nil {
			at = place{line: line, column: 1}
		}
	}
	advice := "Check the indentation, the quotes and the brackets around this line."
	// The parser counts from the line before or after, depending on what it met; a tab tells where it really is.
	for i, line := range strings.Split(string(src), "\n") {
		indent := line[:len(line)-len(strings.TrimLeft(line, " \t"))]
		if tab := strings.IndexByte(indent, '\t'); tab >= 0 && strings.Contains(message, "cannot start any token") {
			at, message, advice = place{line: i + 1, column: tab + 1}, "a tab is used for indentation", "YAML wants spaces."
			break
		}
	}
	r.report(at, CodeSyntax, "the file cannot be read: "+message, advice)
}

// convert turns a YAML node into ours, and refuses what YAML has beyond JSON.
func (r *reader) convert(y *yaml.Node, path string, depth int) *node {
	n := &node{line: y.Line, column: y.Column}
	switch {
	case depth > maxNesting:
		r.report(n.place(path), CodeTooLarge, fmt.Sprintf("more than %d levels are nested in each other", maxNesting), "")
		return n
	case y.Kind == yaml.AliasNode, y.Anchor != "", y.Tag == "!!merge":
		r.report(n.place(path), CodeAlias, "anchors (&), aliases (*) and merges (<<) are not accepted", "Write out what they stand for.")
		return n
	case y.Style&yaml.TaggedStyle != 0:
		r.report(n.place(path), CodeAlias, fmt.Sprintf("the tag %s is not accepted", clip(y.Tag)), "Remove it.")
		return n
	}
	switch y.Kind {
	case yaml.MappingNode:
		n.shape = shapeObject
		for i := 0; i+1 < len(y.Content); i += 2 {
			name := r.convert(y.Content[i], path, depth+1)
			if y.Content[i].Kind != yaml.ScalarNode {
				r.report(name.place(path), CodeSyntax, "the name of a field must be a single word", "Is a quote or a colon missing?")
				continue
			}
			value := r.convert(y.Content[i+1], join(path, name.text), depth+1)
			n.fields = append(n.fields, field{name.text, name, value})
		}
	case yaml.SequenceNode:
		n.shape = shapeList
		for i, item := range y.Content {
			n.items = append(n.items, r.convert(item, fmt.Sprintf("%s[%d]", path, i), depth+1))
		}
	default:
		n.shape, n.text = scalarShape(y.ShortTag()), y.Value
	}
	return n
}

func scalarShape(tag string) shape {
	switch tag {
	case "!!null":
		return shapeNull
	case "!!bool":
		return shapeBool
	case "!!int", "!!float":
		return shapeNumber
	}
	return shapeText
}

// readJSON reads what is already known to be one JSON value.
func (r *reader) readJSON(src []byte) *node {
	decoder := json.NewDecoder(bytes.NewReader(src))
	decoder.UseNumber()
	j := &jsonReader{src: src, decoder: decoder, line: 1, column: 1}
	n, err := j.value(1)
	if err != nil {
		r.report(place{line: j.line, column: j.column}, CodeTooLarge, err.Error(), "")
		return nil
	}
	return n
}

// jsonReader reads JSON into nodes with their places, which encoding/json does not give.
type jsonReader struct {
	src          []byte
	decoder      *json.Decoder
	at           int // offset that line and column belong to
	line, column int
}

var errNesting = fmt.Errorf("more than %d levels are nested in each other", maxNesting)

// token reads the next token and moves the place to its first character.
func (j *jsonReader) token() (json.Token, error) {
	start := int(j.decoder.InputOffset())
	for start < len(j.src) && strings.IndexByte(" \t\r\n,:", j.src[start]) >= 0 {
		start++
	}
	for _, c := range string(j.src[j.at:start]) {
		j.column++
		if c == '\n' {
			j.line, j.column = j.line+1, 1
		}
	}
	j.at = start
	return j.decoder.Token()
}

func (j *jsonReader) value(depth int) (*node, error) {
	token, err := j.token()
	if err != nil {
		return nil, fmt.Errorf("read JSON: %w", err)
	}
	if depth > maxNesting {
		return nil, errNesting
	}
	n := &node{line: j.line, column: j.column}
	switch token := token.(type) {
	case json.Delim:
		if token == '[' {
			return j.list(n, depth)
		}
		return j.object(n, depth)
	case string:
		n.shape, n.text = shapeText, token
	case json.Number:
		n.shape, n.text = shapeNumber, token.String()
	case bool:
		n.shape, n.text = shapeBool, strconv.FormatBool(token)
	}
	return n, nil
}

func (j *jsonReader) list(n *node, depth int) (*node, error) {
	n.shape = shapeList
	for j.decoder.More() {
		item, err := j.value(depth + 1)
		if err != nil {
			return nil, err
		}
		n.items = append(n.items, item)
	}
	_, err := j.token()
	return n, err
}

func (j *jsonReader) object(n *node, depth int) (*node, error) {
	n.shape = shapeObject
	for j.decoder.More() {
		token, err := j.token()
		if err != nil {
			return nil, fmt.Errorf("read JSON: %w", err)
		}
		name, _ := token.(string) // JSON has no other names
		at := &node{shape: shapeText, text: name, line: j.line, column: j.column}
		value, err := j.value(depth + 1)
		if err != nil {
			return nil, err
		}
		n.fields = append(n.fields, field{name, at, value})
	}
	_, err := j.token()
	return n, err
}
