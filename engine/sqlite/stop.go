package sqlite

import (
	"context"
	"database/sql"

	"crier/push"
)

// Stop implements push.Store.
func (e *Engine) Stop(ctx context.Context, s push.Stop) error {
	err := e.writer.write(ctx, func(ctx context.Context, c *conn) error {
		_, err := c.exec(ctx, "UPDATE sending SET stopped_by = ?, stop_reason = ?, stopped_at = ? WHERE stopped_by IS NULL",
			s.By, s.Reason, at(s.At))
		return err
	}, nil)
	if err != nil {
		return failed("stop campaigns", err)
	}
	return nil
}

// Resume implements push.Store.
func (e *Engine) Resume(ctx context.Context) error {
	err := e.writer.write(ctx, func(ctx context.Context, c *conn) error {
		_, err := c.exec(ctx, "UPDATE sending SET stopped_by = NULL, stop_reason = NULL, stopped_at = NULL")
		return err
	}, nil)
	if err != nil {
		return failed("resume campaigns", err)
	}
	return nil
}

// Stopped implements push.Store.
func (e *Engine) Stopped(ctx context.Context) (s *push.Stop, err error) {
	err = e.view(ctx, func(c *conn) (err error) {
		s, err = readStop(ctx, c)
		return err
	})
	if err != nil {
		return nil, failed("read the stop", err)
	}
	return s, nil
}

func readStop(ctx context.Context, c *conn) (*push.Stop, error) {
	var by, reason sql.NullString
	var ms sql.NullInt64
	err := c.row(ctx, "SELECT stopped_by, stop_reason, stopped_at FROM sending", nil, &by, &reason, &ms)
	if err != nil || !by.Valid {
		return nil, err
	}
	return &push.Stop{By: by.String, Reason: reason.String, At: when(ms.Int64)}, nil
}
