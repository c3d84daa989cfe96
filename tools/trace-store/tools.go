//go:build tools

// The programs that this module pins.
package tools

import _ "github.com/jaegertracing/jaeger/cmd/jaeger"
