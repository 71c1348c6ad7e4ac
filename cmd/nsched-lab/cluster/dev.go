package cluster

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/nsched/nsched/cmd/nsched-lab/host"
)

// Dev is the machine of a person: it has Nix, the CLI and the example, and pushes into the caches.
type Dev struct {
	*host.Host
	// PublicKey signs what Push pushes: "name:base64".
	PublicKey string
}

// Where things are on the machine of a person.
const (
	devCaches = "/var/cache/nsched-lab"
	devSource = "/var/lib/src"
	devKeys   = "/var/lib/keys"
)

// KeyName names the key that nodes trust.
const KeyName = "lab-1"

// HelloSource is where the example's sources are on the machine of a person.
const HelloSource = devSource + "/hello"

// nixConfig lets root build without build users, which the lab's machine may not have.
const nixConfig = "NIX_CONFIG=build-users-group =\nsandbox = false\nsubstituters =\nextra-experimental-features = nix-command\n"

// MainCache is the cache that nodes ask, and that Push fills.
const MainCache = "main"

func (c *Cluster) openDev(ctx context.Context) (*Dev, error) {
	h, err := c.Lab.Create(ctx, "dev", host.Bind{Source: c.Caches(), Target: devCaches, Writable: true})
	if err != nil {
		return nil, err
	}
	d := &Dev{Host: h}
	files := map[string]string{
		c.programs.path(nschedProgram):                               "/usr/local/bin/nsched",
		c.programs.path(helloProgram):                                filepath.Join(devSource, "hello/build.out/hello"),
		c.programs.path(assembleProgram):                             filepath.Join(devSource, "hello/build.out/assemble"),
		filepath.Join(c.programs.Root, "examples/hello/default.nix"): filepath.Join(devSource, "hello/default.nix"),
		filepath.Join(c.programs.Root, "examples/hello/app.json"):    filepath.Join(devSource, "hello/app.json"),
	}
	for from, to := range files {
		if err := h.CopyIn(ctx, from, to); err != nil {
			return nil, err
		}
	}
	if err := h.PowerOn(ctx); err != nil {
		return nil, err
	}
	d.PublicKey, err = d.NewKey(ctx, KeyName)
	return d, err
}

// NewKey makes a key pair and returns its public half.
func (d *Dev) NewKey(ctx context.Context, name string) (string, error) {
	public := filepath.Join(devKeys, name+".public")
	err := d.Host.Run(ctx, host.Command{Argv: []string{
		"sh", "-ec", `mkdir -p "$(dirname "$2")"; nix-store --generate-binary-cache-key "$0" "$1" "$2"`, name, secretFile(name), public,
	}, Env: []string{nixConfig}, Stderr: os.Stderr})
	if err != nil {
		return "", fmt.Errorf("make key %s: %w", name, err)
	}
	text, err := d.ReadFile(ctx, public)
	return strings.TrimSpace(string(text)), err
}

func secretFile(name string) string { return filepath.Join(devKeys, name+".secret") }

// Build builds a Nix file in a directory of the machine and leaves a link to its result there. It returns
// the store path.
func (d *Dev) Build(ctx context.Context, dir string, args ...string) (string, error) {
	argv := append([]string{"env", "-C", dir, nixConfig, "nix-build", "./default.nix", "--out-link", "result"}, args...)
	out, err := d.Exec(ctx, argv...)
	if err != nil {
		return "", fmt.Errorf("build %s: %w", dir, err)
	}
	return out, nil
}

// BuildHello builds the example.
func (d *Dev) BuildHello(ctx context.Context) (string, error) {
	return d.Build(ctx, HelloSource)
}

// Prepare puts what Build and Push hand to Nix into its configuration, for commands that are typed.
func (d *Dev) Prepare(ctx context.Context) error {
	_, text, _ := strings.Cut(nixConfig, "=")
	return d.WriteFile(ctx, "/etc/nix/nix.conf", []byte(text), 0o644)
}

// PushURL is what "nix copy" on the machine of a person pushes to, signing.
func PushURL(cache string) string { return pushURL(cache, KeyName) }

func pushURL(cache, key string) string {
	to := "file://" + filepath.Join(devCaches, cache) + "?compression=none"
	if key != "" {
		to += "&secret-key=" + secretFile(key)
	}
	return to
}

// Push copies paths and all they refer to into a cache, signed with a key; without a key unsigned.
func (d *Dev) Push(ctx context.Context, cache, key string, paths ...string) error {
	argv := append([]string{"env", nixConfig, "nix", "copy", "--to", pushURL(cache, key)}, paths...)
	if _, err := d.Exec(ctx, argv...); err != nil {
		return fmt.Errorf("push to %s: %w", cache, err)
	}
	return nil
}

// PushMain signs and pushes into the cache that nodes ask.
func (d *Dev) PushMain(ctx context.Context, paths ...string) error {
	return d.Push(ctx, MainCache, KeyName, paths...)
}
