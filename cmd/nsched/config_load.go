package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"
	"github.com/spf13/viper"
)

// configDir is where the daemons' files are.
const configDir = "/etc/nsched"

// configKind is one kind of configuration file.
type configKind struct {
	name string // of the file, without its extension
	keys []configKey
	// rules says what is wrong with the values together.
	rules func(config) []string
}

// config is a daemon's configuration: every key has a value.
type config struct {
	kind    configKind
	file    string // empty: there was none
	values  map[string]any
	origins map[string]string
}

func (c config) text(key string) string   { return lookup[string](c, key) }
func (c config) list(key string) []string { return lookup[[]string](c, key) }
func (c config) truth(key string) bool    { return lookup[bool](c, key) }

// duration reads a key whose check is isDuration, so that it can be parsed.
func (c config) duration(key string) time.Duration {
	d, err := time.ParseDuration(c.text(key))
	if err != nil {
		panic(fmt.Sprintf("configuration key %s was not checked: %v", key, err))
	}
	return d
}

// lookup panics on a key that no table has: it is a defect of the program, which any start shows.
func lookup[T any](c config, key string) T {
	v, ok := c.values[key].(T)
	if !ok {
		panic(fmt.Sprintf("configuration has no key %s of type %T", key, v))
	}
	return v
}

func (f configKind) key(name string) (configKey, bool) {
	for _, k := range f.keys {
		if k.name == name {
			return k, true
		}
	}
	return configKey{}, false
}

func (f configKind) sections() []string {
	var list []string
	for _, k := range f.keys {
		if section, _, _ := strings.Cut(k.name, "."); !slices.Contains(list, section) {
			list = append(list, section)
		}
	}
	return list
}

func (f configKind) names(section string) []string {
	var list []string
	for _, k := range f.keys {
		if strings.HasPrefix(k.name, section+".") {
			list = append(list, k.name)
		}
	}
	return list
}

// find returns the file of this kind in the directory of configuration, empty when there is none. Two of
// them contradict each other.
func (f configKind) find(dir string) (string, error) {
	var found []string
	for _, ext := range []string{".json", ".yaml", ".yml", ".toml"} {
		file := filepath.Join(dir, f.name+ext)
		if _, err := os.Stat(file); err == nil {
			found = append(found, file)
		} else if !errors.Is(err, fs.ErrNotExist) {
			return "", fmt.Errorf("look for the configuration: %w", err)
		}
	}
	if len(found) > 1 {
		return "", usage("there are %s; keep one of them", strings.Join(found, " and "))
	}
	if len(found) == 0 {
		return "", nil
	}
	return found[0], nil
}

// load reads the configuration: flag, variable, file, default. Everything that is wrong is told at once.
func (f configKind) load(file string, flags *pflag.FlagSet) (config, error) {
	if file == "" {
		var err error
		if file, err = f.find(configDir); err != nil {
			return config{}, err
		}
	}
	c := config{kind: f, file: file, values: map[string]any{}, origins: map[string]string{}}
	inFile, problems, err := f.read(file)
	if err != nil {
		return config{}, err
	}
	v, err := f.layers(inFile, flags)
	if err != nil {
		return config{}, err
	}
	for _, k := range f.keys {
		origin := f.origin(k, file, inFile, flags)
		value, err := k.value(v.Get(k.name))
		if err != nil {
			problems = append(problems, fmt.Sprintf("%s: %s: %v", origin, k.name, err))
			value = k.zero()
		}
		c.values[k.name], c.origins[k.name] = value, origin
	}
	if len(problems) == 0 && f.rules != nil {
		for _, p := range f.rules(c) {
			problems = append(problems, "configuration: "+p)
		}
	}
	if len(problems) > 0 {
		return c, &exitError{exitUsage, lines(problems)}
	}
	return c, nil
}

// read returns what the file says, and its problems, each with the file's name.
func (f configKind) read(file string) (map[string]any, []string, error) {
	if file == "" {
		return nil, nil, nil
	}
	content, err := os.ReadFile(file)
	if err != nil {
		return nil, nil, fmt.Errorf("read the configuration: %w", err)
	}
	tree, err := parseConfig(file, content)
	if err != nil {
		return nil, nil, usage("%s: %w", file, err)
	}
	values, problems := f.flatten(tree)
	for i := range problems {
		problems[i] = file + ": " + problems[i]
	}
	return values, problems, nil
}

// layers puts what may set a key one over the other.
func (f configKind) layers(inFile map[string]any, flags *pflag.FlagSet) (*viper.Viper, error) {
	v := viper.New()
	tree := map[string]any{}
	for name, value := range inFile {
		section, key, _ := strings.Cut(name, ".")
		inner, ok := tree[section].(map[string]any)
		if !ok {
			inner = map[string]any{}
			tree[section] = inner
		}
		inner[key] = value
	}
	if err := v.MergeConfigMap(tree); err != nil {
		return nil, fmt.Errorf("read the configuration: %w", err)
	}
	for _, k := range f.keys {
		v.SetDefault(k.name, k.zero())
		if err := v.BindEnv(k.name, k.variable()); err != nil {
			return nil, fmt.Errorf("read the configuration: %w", err)
		}
		if flag := k.changed(flags); flag != nil {
			if err := v.BindPFlag(k.name, flag); err != nil {
				return nil, fmt.Errorf("read the configuration: %w", err)
			}
		}
	}
	return v, nil
}

// changed returns the flag of a key that somebody gave.
func (k configKey) changed(flags *pflag.FlagSet) *pflag.Flag {
	if k.flag == "" || flags == nil {
		return nil
	}
	if flag := flags.Lookup(k.flag); flag != nil && flag.Changed {
		return flag
	}
	return nil
}

// origin says where a value comes from.
func (f configKind) origin(k configKey, file string, inFile map[string]any, flags *pflag.FlagSet) string {
	if k.changed(flags) != nil {
		return "--" + k.flag
	}
	if os.Getenv(k.variable()) != "" {
		return k.variable()
	}
	if _, ok := inFile[k.name]; ok {
		return file
	}
	return "default"
}
