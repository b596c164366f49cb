package main

import (
	"context"
	"fmt"
	"text/tabwriter"
	"time"

	"crier/desk"
)

type keysCmd struct {
	Create keysCreateCmd `cmd:"" help:"Make an editor key and print it, once."`
	List   keysListCmd   `cmd:"" help:"List who holds keys."`
	Revoke keysRevokeCmd `cmd:"" help:"Make a key useless, at once."`

	RotateVAPID rotateVAPIDCmd `cmd:"" name:"rotate-vapid" help:"Make a new pair of the VAPID keys that browsers subscribe with. Old ones serve until no subscription is left that was made with them."`
}

type keysCreateCmd struct {
	storeFlags
	Role string `help:"What the holder may do: editor posts, chief also stops alerts, admin everything." enum:"editor,chief,admin" required:""`
	Name string `help:"Who holds the key." required:""`
}

func (c *keysCreateCmd) Run(ctx context.Context, io streams) error {
	return c.use(ctx, func(e engine) error {
		secret, cred, err := desk.NewKey(c.Name, desk.Role(c.Role), time.Now())
		if err != nil {
			return err
		}
		if err := e.PutKey(ctx, cred); err != nil {
			return err
		}
		fmt.Fprintln(io.err, "This key is shown once. Its ID is", cred.ID)
		_, err = fmt.Fprintln(io.out, secret)
		return err
	})
}

type keysListCmd struct{ storeFlags }

func (c *keysListCmd) Run(ctx context.Context, io streams) error {
	return c.use(ctx, func(e engine) error {
		editors, err := e.Keys(ctx)
		if err != nil {
			return err
		}
		w := tabwriter.NewWriter(io.out, 0, 8, 2, ' ', 0)
		fmt.Fprintln(w, "ID\tROLE\tCREATED\tNAME")
		for _, ed := range editors {
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", ed.ID, ed.Role, ed.CreatedAt.Format(time.RFC3339), ed.Name)
		}
		return w.Flush()
	})
}

type keysRevokeCmd struct {
	storeFlags
	ID string `arg:"" help:"The key's ID, as keys list shows it."`
}

func (c *keysRevokeCmd) Run(ctx context.Context) error {
	return c.use(ctx, func(e engine) error { return e.RevokeKey(ctx, c.ID) })
}
