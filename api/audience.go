package api

import (
	"cmp"
	"context"
	"slices"
	"time"

	"crier/desk"
	"crier/hub"
)

// How often a node tells the others of its readers, and for how long that
// holds: a node that crashed is seen for so long yet.
const (
	audienceEvery = 5 * time.Second
	audienceFor   = 15 * time.Second
)

// audienceTime is how long the store is waited for: editors have more urgent
// things to wait for.
const audienceTime = time.Second

func (o Options) node() string {
	if o.Node == "" {
		return "node"
	}
	return o.Node
}

// audienceOf is what editors see of a, the readers of a node.
func audienceOf(node string, a hub.Audience) desk.Audience {
	return desk.Audience{Node: node, Readers: a.Readers, Everything: a.Everything, Topics: a.Topics, Others: a.Others}
}

// audiences is the readers of each node: those of this one as they are now.
func (s *server) audiences(ctx context.Context) ([]desk.Audience, error) {
	ctx, cancel := context.WithTimeout(ctx, audienceTime)
	defer cancel()
	all, err := s.Audiences.Audiences(ctx, time.Now())
	if err != nil || s.Live == nil || s.o.ReadersElsewhere {
		return all, err
	}
	here := audienceOf(s.o.node(), s.Live.Audience())
	i, found := slices.BinarySearchFunc(all, here, func(a, b desk.Audience) int { return cmp.Compare(a.Node, b.Node) })
	if !found {
		return slices.Insert(all, i, here), nil
	}
	all[i] = here
	return all, nil
}

// show tells the other nodes of this one's readers until ends; if that has
// passed, that it has none any more. A failure is made good the next time, and
// the log's own troubles are told elsewhere.
func (d *DeskWatch) show(ctx context.Context, ends time.Time) {
	ctx, cancel := context.WithTimeout(ctx, audienceTime)
	defer cancel()
	if err := d.audiences.PutAudience(ctx, audienceOf(d.node, d.desks.Audience()), time.Now(), ends); err != nil {
		d.logger.Debug("other nodes are not told of the readers here", "error", err)
	}
}
