// Crier is a real-time breaking-news push service: editors post breaking
// items, every reader with the page open sees them on a live ticker, every
// subscriber who is not on the page gets a Web Push notification.
//
// The package holds the flags, the wiring and the subcommands. Each command
// is a file; flags.go is the one struct that flags, environment, --help and
// the README's table are made from.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"
)

// version is set by the linker in releases.
var version = "dev"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	// The second signal is obeyed at once: whoever sends it does not want to
	// wait for readers to be drained.
	context.AfterFunc(ctx, stop)
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// run is the program: 0 for success, 1 for failure, 2 for a wrong command line.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	var cli flags
	code := -1
	parser, err := newParser(&cli, kong.Writers(stdout, stderr), kong.Exit(func(c int) { code = c }))
	if err != nil {
		fmt.Fprintln(stderr, "crier:", err)
		return 2
	}
	command, err := parser.Parse(args)
	if code >= 0 { // --help or --version has been answered
		return code
	}
	var wrong *kong.ParseError
	if errors.As(err, &wrong) {
		fmt.Fprintln(stderr, "crier:", err)
		fmt.Fprintln(stderr, "Run crier --help to see what there is.")
		return 2
	}
	if err == nil {
		logger := slog.New(slog.NewTextHandler(stderr, nil))
		command.BindTo(ctx, (*context.Context)(nil))
		command.Bind(streams{stdout, stderr}, logger)
		err = command.Run()
	}
	if err != nil && !errors.Is(err, context.Canceled) {
		fmt.Fprintln(stderr, "crier:", err)
		return 1
	}
	return 0
}

// streams are what a command talks to: results on out, words on err.
type streams struct{ out, err io.Writer }
