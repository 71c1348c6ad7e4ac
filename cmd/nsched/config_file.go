package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2"
	"go.yaml.in/yaml/v3"
)

// parseConfig reads a configuration file by its extension, as written: viper, which is told the result,
// lower-cases keys, and so could not tell "nodE" from "node" nor find one that is there twice.
func parseConfig(file string, content []byte) (map[string]any, error) {
	var tree map[string]any
	var err error
	switch strings.ToLower(filepath.Ext(file)) {
	case ".json":
		tree, err = parseJSON(content)
	case ".yaml", ".yml":
		err = yaml.Unmarshal(content, &tree) // refuses duplicate keys
	case ".toml":
		err = toml.Unmarshal(content, &tree) // likewise
	default:
		return nil, errors.New("its name must end in .json, .yaml, .yml or .toml")
	}
	return tree, err
}

// parseJSON reads one object and refuses a key that is there twice and what follows the object.
func parseJSON(content []byte) (map[string]any, error) {
	d := json.NewDecoder(bytes.NewReader(content))
	d.UseNumber()
	v, err := jsonValue(d, "")
	if err != nil {
		return nil, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("something follows the object")
	}
	tree, ok := v.(map[string]any)
	if !ok {
		return nil, errors.New("an object is due")
	}
	return tree, nil
}

func jsonValue(d *json.Decoder, at string) (any, error) {
	t, err := d.Token()
	if err != nil {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return nil, err
	}
	switch t {
	case json.Delim('{'):
		object := map[string]any{}
		for d.More() {
			t, err := d.Token()
			if err != nil {
				return nil, err
			}
			key, _ := t.(string) // the decoder accepts nothing else there
			path := strings.TrimPrefix(at+"."+key, ".")
			if _, twice := object[key]; twice {
				return nil, fmt.Errorf("%s is there twice", path)
			}
			if object[key], err = jsonValue(d, path); err != nil {
				return nil, err
			}
		}
		_, err := d.Token()
		return object, err
	case json.Delim('['):
		list := []any{}
		for d.More() {
			v, err := jsonValue(d, at)
			if err != nil {
				return nil, err
			}
			list = append(list, v)
		}
		_, err := d.Token()
		return list, err
	}
	return t, nil
}

// flatten returns what a file says by key, and everything wrong with it: unknown sections and keys,
// values that no key may have. Problems are in the order of the keys.
func (f configKind) flatten(tree map[string]any) (values map[string]any, problems []string) {
	values = map[string]any{}
	for _, section := range sortedKeys(tree) {
		known := f.sections()
		if !slices.Contains(known, section) {
			problems = append(problems, unknown("section", section, known))
			continue
		}
		inner, ok := tree[section].(map[string]any)
		if !ok {
			problems = append(problems, fmt.Sprintf("%s: a section is due, not %s", section, shown(tree[section])))
			continue
		}
		for _, name := range sortedKeys(inner) {
			full := section + "." + name
			key, ok := f.key(full)
			if !ok {
				problems = append(problems, unknown("key", full, f.names(section)))
				continue
			}
			v, err := key.value(inner[name])
			if err != nil {
				problems = append(problems, fmt.Sprintf("%s: %v", full, err))
				continue
			}
			values[full] = v
		}
	}
	return values, problems
}

func unknown(what, name string, known []string) string {
	if near := nearest(name, known); near != "" {
		return fmt.Sprintf("%s: unknown %s; did you mean %s?", name, what, near)
	}
	return fmt.Sprintf("%s: unknown %s; there are %s", name, what, strings.Join(known, ", "))
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
