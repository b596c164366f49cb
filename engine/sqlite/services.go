package sqlite

import (
	"context"
	"database/sql"
	"time"

	"crier/push"
)

// RaiseAlarm implements push.Store.
func (e *Engine) RaiseAlarm(ctx context.Context, a push.Alarm) error {
	err := e.writer.write(ctx, func(ctx context.Context, c *conn) error {
		_, err := c.exec(ctx, `INSERT INTO alarms SELECT ?1, ?2, ?3 FROM sending WHERE ?3 >= trusted_until OR ?1 = ?4
			ON CONFLICT DO NOTHING`, a.Service, a.Problem, at(a.Since), push.CanaryService)
		return err
	}, nil)
	if err != nil {
		return failed("raise an alarm", err)
	}
	return nil
}

// LowerAlarm implements push.Store.
func (e *Engine) LowerAlarm(ctx context.Context, service string) error {
	err := e.writer.write(ctx, func(ctx context.Context, c *conn) error {
		_, err := c.exec(ctx, "DELETE FROM alarms WHERE service = ?", service)
		return err
	}, nil)
	if err != nil {
		return failed("lower an alarm", err)
	}
	return nil
}

// Alarms implements push.Store.
func (e *Engine) Alarms(ctx context.Context) (out push.Alarms, err error) {
	err = e.view(ctx, func(c *conn) (err error) {
		out, err = readAlarms(ctx, c)
		return err
	})
	if err != nil {
		return push.Alarms{}, failed("read the alarms", err)
	}
	return out, nil
}

func readAlarms(ctx context.Context, c *conn) (out push.Alarms, err error) {
	var trusted int64
	if err := c.row(ctx, "SELECT trusted_until FROM sending", nil, &trusted); err != nil {
		return out, err
	}
	out.Trusted = when(trusted)
	err = c.rows(ctx, "SELECT service, problem, since FROM alarms ORDER BY service", nil, func(rows *sql.Rows) error {
		var a push.Alarm
		var since int64
		err := rows.Scan(&a.Service, &a.Problem, &since)
		a.Since = when(since)
		out.Standing = append(out.Standing, a)
		return err
	})
	return out, err
}

// ClearAlarms implements push.Store.
func (e *Engine) ClearAlarms(ctx context.Context, until time.Time) error {
	err := e.writer.write(ctx, func(ctx context.Context, c *conn) error {
		if _, err := c.exec(ctx, "DELETE FROM alarms"); err != nil {
			return err
		}
		_, err := c.exec(ctx, "UPDATE sending SET trusted_until = ?", at(until))
		return err
	}, nil)
	if err != nil {
		return failed("clear the alarms", err)
	}
	return nil
}

// alarmed reports whether an alarm stands that stops removals.
func alarmed(ctx context.Context, c *conn) (stands bool, err error) {
	err = c.row(ctx, "SELECT count(*) > 0 FROM alarms WHERE service > '' AND service <> ?", []any{push.CanaryService}, &stands)
	return stands, err
}

// KeepRate implements push.Store.
func (e *Engine) KeepRate(ctx context.Context, r push.Rate) error {
	err := e.writer.write(ctx, func(ctx context.Context, c *conn) error {
		_, err := c.exec(ctx, `INSERT INTO rates VALUES (?, ?, ?) ON CONFLICT DO UPDATE
			SET per_second = excluded.per_second, learned_at = excluded.learned_at WHERE excluded.learned_at > learned_at`,
			r.Service, r.PerSecond, at(r.At))
		return err
	}, nil)
	if err != nil {
		return failed("keep a rate", err)
	}
	return nil
}

// Rates implements push.Store.
func (e *Engine) Rates(ctx context.Context) (out []push.Rate, err error) {
	err = e.view(ctx, func(c *conn) (err error) {
		out, err = readRates(ctx, c)
		return err
	})
	if err != nil {
		return nil, failed("read the rates", err)
	}
	return out, nil
}

func readRates(ctx context.Context, c *conn) (out []push.Rate, err error) {
	err = c.rows(ctx, "SELECT service, per_second, learned_at FROM rates ORDER BY service", nil, func(rows *sql.Rows) error {
		var r push.Rate
		var learned int64
		err := rows.Scan(&r.Service, &r.PerSecond, &learned)
		r.At = when(learned)
		out = append(out, r)
		return err
	})
	return out, err
}
