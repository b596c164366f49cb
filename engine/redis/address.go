package redis

import (
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
)

// server is the Redis that an address names.
type server struct {
	client redis.UniversalClient
	db     int
	name   string // the address without its secrets
}

// dial makes a client for the address. It connects to nothing yet.
//
// go-redis repeats commands of its own accord by default. It is told not to:
// which commands may be repeated, and what to make of an answer that got
// lost, is ours to know. On a Cluster it follows redirections all the same.
func dial(address string, o Options) (server, error) {
	scheme, rest, ok := strings.Cut(address, "://")
	if !ok {
		return server{}, ErrAddress
	}
	base, kind, _ := strings.Cut(scheme, "+")
	users, hosts := "", rest
	path := ""
	if i := strings.IndexAny(rest, "/?"); i >= 0 {
		hosts, path = rest[:i], rest[i:]
	}
	if i := strings.LastIndexByte(hosts, '@'); i >= 0 {
		users, hosts = hosts[:i+1], hosts[i+1:]
	}
	where, _, _ := strings.Cut(path, "?")
	s := server{name: scheme + "://" + hosts + where}
	var err error
	switch {
	case kind == "" && (base == "redis" || base == "rediss" || base == "unix"):
		err = s.single(address, o)
	case kind == "sentinel" && (base == "redis" || base == "rediss"):
		err = s.sentinel(base, users, hosts, path, o)
	case kind == "cluster" && (base == "redis" || base == "rediss"):
		err = s.cluster(base, users, hosts, path, o)
	default:
		err = ErrAddress
	}
	if bad := (*url.Error)(nil); errors.As(err, &bad) {
		err = bad.Err // the error itself repeats the address with its password
	}
	if err != nil {
		return server{}, fmt.Errorf("%s: %w", s.name, err)
	}
	return s, nil
}

func (s *server) single(address string, o Options) error {
	c, err := redis.ParseURL(address)
	if err != nil {
		return err
	}
	c.MaxRetries, c.DialerRetries, c.ContextTimeoutEnabled, c.DisableIdentity = -1, 1, true, true
	c.MaintNotificationsConfig = &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
	if o.TLS != nil {
		c.TLSConfig = o.TLS
	}
	client := redis.NewClient(c)
	client.AddHook(witness{})
	s.client, s.db = client, c.DB
	return nil
}

func (s *server) sentinel(base, users, hosts, path string, o Options) error {
	name, query, _ := strings.Cut(strings.TrimPrefix(path, "/"), "?")
	q, err := url.ParseQuery(query)
	if err != nil {
		return err
	}
	name, err = url.PathUnescape(name)
	if err != nil || name == "" {
		return fmt.Errorf("name the master that the sentinels watch: redis+sentinel://host,host/mastername: %w", ErrAddress)
	}
	q.Set("master_name", name)
	// The user before the hosts is the one of Redis, as in the other forms;
	// what go-redis calls so is the sentinels'.
	sentinelUser, sentinelPassword := q.Get("sentinel_username"), q.Get("sentinel_password")
	q.Del("sentinel_username")
	q.Del("sentinel_password")
	u, err := url.Parse("redis://" + users + "x")
	if err != nil {
		return err
	}
	addresses := spread(hosts, "26379")
	q["addr"] = addresses[1:]
	c, err := redis.ParseFailoverURL(base + "://" + addresses[0] + "?" + q.Encode())
	if err != nil {
		return err
	}
	c.Username = u.User.Username()
	c.Password, _ = u.User.Password()
	c.SentinelUsername, c.SentinelPassword = sentinelUser, sentinelPassword
	c.MaxRetries, c.DialerRetries, c.ContextTimeoutEnabled, c.DisableIdentity = -1, 1, true, true
	if c.TLSConfig != nil {
		c.TLSConfig.ServerName = "" // each host has its own name
	}
	if o.TLS != nil {
		c.TLSConfig = o.TLS
	}
	client := redis.NewFailoverClient(c)
	client.AddHook(witness{})
	s.client, s.db = client, c.DB
	return nil
}

func (s *server) cluster(base, users, hosts, path string, o Options) error {
	_, query, _ := strings.Cut(path, "?")
	q, err := url.ParseQuery(query)
	if err != nil {
		return err
	}
	addresses := spread(hosts, "6379")
	q["addr"] = addresses[1:]
	c, err := redis.ParseClusterURL(base + "://" + users + addresses[0] + "?" + q.Encode())
	if err != nil {
		return err
	}
	c.ContextTimeoutEnabled, c.DisableIdentity = true, true
	c.MaintNotificationsConfig = &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
	if c.TLSConfig != nil {
		c.TLSConfig.ServerName = ""
	}
	if o.TLS != nil {
		c.TLSConfig = o.TLS
	}
	client := redis.NewClusterClient(c)
	client.OnNewNode(func(node *redis.Client) { node.AddHook(witness{}) })
	s.client = client
	return nil
}

// spread is the hosts of a list, each with a port.
func spread(hosts, port string) []string {
	out := strings.Split(hosts, ",")
	for i, h := range out {
		if h == "" {
			h = "localhost"
		}
		if strings.LastIndexByte(h, ':') <= strings.LastIndexByte(h, ']') {
			h += ":" + port
		}
		out[i] = h
	}
	return out
}
