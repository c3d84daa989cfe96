//go:build tools

// The program that this module pins.
package tools

import (
	_ "github.com/external-secrets/external-secrets"
)
