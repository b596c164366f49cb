package redis

import (
	"embed"
	"strconv"
	"strings"

	"github.com/redis/go-redis/v9"
)

//go:embed lua/*.lua
var lua embed.FS

// scripts are all that we have the server run. Each begins with a shebang, by
// which the server knows before its first line whether it may run it.
type scripts struct {
	append, since, head, writable                     *redis.Script
	front, items, reckon, trim                        *redis.Script
	putSubscription, removeSubscription               *redis.Script
	confirmSubscription, unseen                       *redis.Script
	depart, openCampaigns, claim, page, checkpoint    *redis.Script
	release, nextDue, report, receipt, expectReceipts *redis.Script
	putKey, keyHolder, revokeKey, lead, resign        *redis.Script
	raiseAlarm, clearAlarms, keepRate, replace        *redis.Script
	replay                                            *redis.Script
}

func loadScripts() scripts {
	return scripts{
		append: script("append", "standing"), since: script("since", "standing"), head: script("head", "standing"), writable: script("writable", "standing"),
		front: script("front", "standing", "newest"), items: script("items", "newest"),
		reckon: script("reckon", "standing"), trim: script("trim"),
		putSubscription: script("putsub"), removeSubscription: script("removesub"),
		confirmSubscription: script("confirmsub"), unseen: script("unseen"),
		depart: script("depart", "ranges"), openCampaigns: script("opencampaigns", "ranges"),
		claim: script("claim", "ranges"), page: script("page"), checkpoint: script("checkpoint", "ranges"),
		release: script("release", "ranges"), nextDue: script("nextdue"), report: script("report"), receipt: script("receipt", "tenth"), expectReceipts: script("expectreceipts"),
		putKey: script("putkey"), keyHolder: script("keyholder"), revokeKey: script("revokekey"),
		lead: script("lead"), resign: script("resign"),
		raiseAlarm: script("raisealarm"), clearAlarms: script("clearalarms"), keepRate: script("keeprate"), replace: script("replace"),
		replay: script("replay", "ranges"),
	}
}

// script is the file with the files it uses, and the schema that we know, put
// in after its shebang.
func script(name string, uses ...string) *redis.Script {
	shebang, body, _ := strings.Cut(file(name), "\n")
	parts := []string{shebang, "local SCHEMA = " + strconv.Itoa(schema)}
	for _, u := range uses {
		parts = append(parts, file(u))
	}
	return redis.NewScript(strings.Join(append(parts, body), "\n"))
}

// file is an embedded file. One that is not there is a mistake in this file,
// which the first test to run finds.
func file(name string) string {
	b, err := lua.ReadFile("lua/" + name + ".lua")
	if err != nil {
		panic(err)
	}
	return string(b)
}
