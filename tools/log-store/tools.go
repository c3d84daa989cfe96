//go:build tools

// The programs that this module pins.
package tools

import _ "github.com/VictoriaMetrics/VictoriaLogs/app/victoria-logs"
