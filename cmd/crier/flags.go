package main

import (
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/alecthomas/kong"
)

// flags is every command and flag. Each flag is also an environment variable:
// CRIER_ and its name in capitals, hyphens as underscores.
type flags struct {
	Serve   serveCmd   `cmd:"" help:"Run the service."`
	Demo    demoCmd    `cmd:"" help:"Run the service on a temporary directory, with headlines arriving."`
	Post    postCmd    `cmd:"" help:"Post an item to a running service."`
	Keys    keysCmd    `cmd:"" help:"Make, list and revoke editor keys; rotate the VAPID keys."`
	Backup  backupCmd  `cmd:"" help:"Copy a data directory to one file, while the service runs."`
	Restore restoreCmd `cmd:"" help:"Make a data directory from a backup."`
	Bench   benchCmd   `cmd:"" help:"Measure a service."`
	Move    moveCmd    `cmd:"" help:"Move everything from a data directory to a Redis, or back."`

	Version kong.VersionFlag `help:"Print the version." env:"-"`
}

// dataFlag is where the embedded engine lives.
type dataFlag struct {
	Data string `help:"Directory of the database and the VAPID keys; made if missing." default:"data" type:"path" placeholder:"DIR"`
}

// storeFlags choose the engine.
type storeFlags struct {
	dataFlag
	Redis         string `help:"Redis to use in place of the data directory, shared by any number of nodes: redis://, rediss://, redis+sentinel:// or redis+cluster://." placeholder:"URL"`
	RedisPrefix   string `help:"Beginning of all keys in the Redis, so that several sites can share one." default:"crier" placeholder:"NAME"`
	RedisReplicas int    `help:"Replicas that must have an entry before its post is acknowledged (WAIT)." default:"0" placeholder:"N"`
	RedisSynced   bool   `help:"Acknowledge a post only when the entry is in the append-only file, of as many replicas too (WAITAOF, Redis 7.2)."`
}

// listenFlags are how the service meets the world.
type listenFlags struct {
	Listen          string         `help:"Address to serve on." default:"127.0.0.1:8080" placeholder:"HOST:PORT"`
	Roles           []string       `help:"What this node does: api takes posts and subscriptions, hub holds readers, push sends alerts. With --redis, nodes can share the work." default:"api,hub,push" enum:"api,hub,push" placeholder:"ROLE"`
	Admin           string         `help:"Address to serve /metrics, /readyz with its reasons, and profiles on. It asks for no key: keep it private." placeholder:"HOST:PORT"`
	PublicURL       string         `help:"Address readers use, if it is not that of --listen; notifications link to it." placeholder:"URL"`
	AdminKey        string         `help:"A first admin key of at least 24 characters; set it in the environment." placeholder:"KEY"`
	AlertHosts      []string       `help:"Further push-service hosts, HOST or HOST:PORT. Loopback and plain http are allowed only for those named here." placeholder:"HOST"`
	AlertSubject    string         `help:"Address that push services may write to: a mail address or an https URL. Default: the public URL, if it is https." placeholder:"ADDRESS"`
	AlertTimeout    time.Duration  `help:"Time that a push service has to answer." default:"10s" placeholder:"TIME"`
	AlertLease      time.Duration  `help:"Time after which other nodes go on with what a crashed node was sending; at least three times --alert-timeout." default:"60s" placeholder:"TIME"`
	AlertConfirm    string         `help:"Whose subscriptions get alerts only once the browser has said that one arrives: vendors (those at the browser vendors' hosts, not those at --alert-hosts), all or none." default:"vendors" enum:"vendors,all,none" placeholder:"WHOSE"`
	AlertUnseen     time.Duration  `help:"Time after a browser's last visit when its subscription is forgotten; 0 for never." default:"9600h" placeholder:"TIME"`
	Topics          []string       `help:"Topics offered on the pages." default:"world,politics,business,europe,sport,science,culture" placeholder:"TOPIC"`
	Proxies         []netip.Prefix `help:"Networks of the proxies in front, trusted to name the client in X-Forwarded-For." placeholder:"CIDR"`
	MaxReaders      int            `help:"Most readers on this node; 0 for as many as the open-file limit allows." default:"0" placeholder:"N"`
	AddressReaders  int            `help:"Most readers from one address, or one IPv6 /64: offices and mobile networks share one." default:"10000" placeholder:"N"`
	JoinRate        int            `help:"Readers that may join in a second; twice as many may in the first." default:"10000" placeholder:"N"`
	AddressJoinRate int            `help:"Readers that may join in a second from one address, other than this machine's and private ones; a hundred times as many may in the first." default:"50" placeholder:"N"`
	DrainWindow     time.Duration  `help:"On shutdown, time over which readers are sent elsewhere." default:"10s" placeholder:"TIME"`
	DrainNotice     time.Duration  `help:"On shutdown, time for which /readyz says no before that, while all is served as ever, so that balancers send nobody any more; at most --drain-window, and none if nobody asks /readyz." default:"4s" placeholder:"TIME"`
	LogEntries      int            `help:"Newest entries of the log that are kept, however old. Readers from before what is kept get the front." default:"100000" placeholder:"N"`
	LogAge          time.Duration  `help:"Age under which entries of the log are kept, however many." default:"168h" placeholder:"TIME"`

	watchFlags
}

func newParser(cli *flags, more ...kong.Option) (*kong.Kong, error) {
	return kong.New(cli, append([]kong.Option{
		kong.Name("crier"),
		kong.Description("Real-time breaking news: a live ticker and Web Push, from one binary."),
		kong.DefaultEnvars("CRIER"),
		kong.Vars{"version": version},
		kong.UsageOnError(),
		kong.ValueFormatter(helpText),
	}, more...)...)
}

// helpText is what --help says of a flag: the placeholder has taken the place
// where its default would stand.
func helpText(v *kong.Value) string {
	if v.Flag == nil || v.Default == "" {
		return kong.DefaultHelpValueFormatter(v)
	}
	return kong.DefaultHelpValueFormatter(v) + " Default: " + v.Default + "."
}

// flagTable is the README's table of what serve takes, in Markdown.
func flagTable(k *kong.Kong, command string) string {
	var b strings.Builder
	b.WriteString("| flag | environment | default | |\n|---|---|---|---|\n")
	for _, node := range k.Model.Children {
		if node.Name != command {
			continue
		}
		for _, f := range node.Flags {
			def := ""
			if f.Default != "" {
				def = "`" + f.Default + "`"
			}
			name := f.Name
			if !f.IsBool() {
				name += " " + f.FormatPlaceHolder()
			}
			fmt.Fprintf(&b, "| `--%s` | `%s` | %s | %s |\n", name, strings.Join(f.Envs, "`, `"), def, f.Help)
		}
	}
	return b.String()
}
