package main

import (
	"errors"
	"slices"
)

// What a node can do: take what is posted, hold readers' live connections,
// send campaigns.
const (
	roleAPI  = "api"
	roleHub  = "hub"
	rolePush = "push"
)

// roles are those of one node.
type roles struct{ api, hub, push bool }

// roles reads --roles. A data directory has one process, so it has them all.
func (f listenFlags) roles(st storeFlags) (roles, error) {
	has := func(role string) bool { return slices.Contains(f.Roles, role) }
	r := roles{has(roleAPI), has(roleHub), has(rolePush)}
	switch {
	case r == roles{}:
		return r, errors.New("--roles: name at least one of api, hub, push")
	case st.Redis == "" && r != roles{true, true, true}:
		return r, errors.New("--roles: nodes share their work over a Redis, so give --redis too")
	}
	return r, nil
}

// pages reports whether the node shows pages, for which it follows the front.
func (r roles) pages() bool { return r.api || r.hub }
