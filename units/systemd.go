package units

import (
	"fmt"
	"strconv"
	"strings"
)

const (
	servicePrefix = "nsched."
	serviceSuffix = ".service"

	// sliceNameLimit is the longest name of a unit, in bytes (systemd.unit(5)).
	sliceNameLimit = 255
	// unitIDLimit is how long a unit's identity may be. systemd names the private /tmp of a service
	// "systemd-private-<boot id>-<service>-XXXXXX", in one name of at most 255 bytes.
	unitIDLimit = 255 - len("systemd-private-") - 32 - len("-") - len("-XXXXXX") - len(servicePrefix) - len(serviceSuffix)
	// unitIDRest is what an identity holds besides namespace, app and slot: four dots and two numbers, of
	// up to a billion generations and as many attempts.
	unitIDRest = 4 + 9 + 9
	// systemNameLimit is how long namespace and name of a system app may be together: its slots are nodes'
	// names. The slots of other apps are numbers, so two labels always fit.
	systemNameLimit = unitIDLimit - unitIDRest - labelLimit
)

// ServiceName returns the systemd unit that runs u: "nsched.<unit>.service".
func (u UnitID) ServiceName() string { return servicePrefix + u.String() + serviceSuffix }

// ParseServiceName reads the name that ServiceName made.
func ParseServiceName(name string) (UnitID, error) {
	text, isOurs := strings.CutPrefix(name, servicePrefix)
	text, isService := strings.CutSuffix(text, serviceSuffix)
	if !isOurs || !isService {
		return UnitID{}, fmt.Errorf("parse service %s: %w: nsched's services are nsched.<unit>.service",
			quote(name), ErrUnitID)
	}
	return ParseUnitID(text)
}

// SliceName returns the systemd slice of a namespace: "nsched-<ns>.slice". A dash in a slice's name
// means another level, so that of a namespace is escaped as systemd-escape does it.
func SliceName(namespace Namespace) string {
	return "nsched-" + strings.ReplaceAll(string(namespace), "-", `\x2d`) + ".slice"
}

// RootName returns the file name of the garbage collector root that pins an app's generation on a
// node: "<ns>.<app>.<gen>".
func RootName(app AppID, generation Generation) string {
	return string(app.Namespace) + "." + string(app.Name) + "." + strconv.FormatInt(int64(generation), 10)
}

// ParseRootName reads the name that RootName made.
func ParseRootName(name string) (AppID, Generation, error) {
	fail := func(err error) (AppID, Generation, error) {
		return AppID{}, 0, fmt.Errorf("parse root %s: %w", quote(name), err)
	}
	parts := strings.Split(name, ".")
	if len(parts) != 3 {
		return fail(fmt.Errorf("%w: write it as <namespace>.<app>.<generation>", ErrAppID))
	}
	app, err := ParseAppID(parts[0]+"/"+parts[1], "")
	if err != nil {
		return fail(err)
	}
	generation, err := ParseGeneration(parts[2])
	if err != nil {
		return fail(err)
	}
	return app, generation, nil
}
