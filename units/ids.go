package units

// Typed identities. Each is plain text that has passed its parser, and is compared byte for byte.
type (
	// Namespace is an environment, a DNS label.
	Namespace string
	// AppName is the name of an app inside its namespace, a DNS label.
	AppName string
	// NodeName is the name of a machine, a DNS label.
	NodeName string
	// Slot is a place to fill: a decimal index (service, batch), a node's name (system), or
	// "<launch>-<index>" (periodic). It is always a DNS label, so it holds no dot.
	Slot string
	// Trait is what a node is, a DNS label.
	Trait string
	// Generation numbers the immutable versions of an app from 1; 0 is none.
	Generation int64
	// Attempt numbers the tries to fill one slot from 1, persisted and never reused; 0 is none.
	Attempt int64
)

// AppID is the identity of an app: namespace and name.
type AppID struct {
	Namespace Namespace
	Name      AppName
}

// UnitID is one attempt to fill a slot. Its text form is "<ns>.<app>.<slot>.<gen>.<attempt>"; labels
// hold no dots, so joining cannot collide.
type UnitID struct {
	Namespace  Namespace
	App        AppName
	Slot       Slot
	Generation Generation
	Attempt    Attempt
}
