package news

import (
	"fmt"
	"slices"
	"strings"
)

// MaxTopics is the most topics an item, a reader or a subscription may name.
const MaxTopics = 16

// MaxFormerly is the most topics that an item may have left behind.
const MaxFormerly = 4 * MaxTopics

// maxTopic bounds a topic's name in bytes.
const maxTopic = 32

// DrillTopic is the namespace of drills: the topic itself and all that begin
// with it and a hyphen.
const DrillTopic = "drill"

// IsDrillTopic reports whether topic lies in the namespace of drills.
func IsDrillTopic(topic string) bool {
	return topic == DrillTopic || strings.HasPrefix(topic, DrillTopic+"-")
}

// Wanted reports whether a reader who asked for topics gets an item that
// carries has. Naming no topic asks for everything live; drills are had only
// by naming one of their topics.
func Wanted(topics, has []string) bool {
	if len(topics) == 0 {
		return !slices.ContainsFunc(has, IsDrillTopic)
	}
	for _, t := range topics {
		if slices.Contains(has, t) {
			return true
		}
	}
	return false
}

// WantedBy reports whether a reader who asked for topics gets entries of the
// item: by what it carries now ([Wanted]) or by a topic it has left. Without
// the second, an item that moved from one topic to another could be corrected
// or withdrawn unseen by those who had read it.
func (i Item) WantedBy(topics []string) bool {
	return Wanted(topics, i.Topics) || slices.ContainsFunc(topics, func(t string) bool { return slices.Contains(i.Formerly, t) })
}

// ParseTopics reads a comma-separated list of topics, as a query parameter
// carries it, into the form items have: sorted, without repeats. The empty
// text is no topics. The error is an [Invalid].
func ParseTopics(s string) ([]string, error) {
	if s == "" {
		return nil, nil
	}
	if len(s) > MaxTopics*(maxTopic+1) {
		return nil, Invalid{tooManyTopics}
	}
	return CheckTopics(strings.Split(s, ","))
}

var tooManyTopics = Fault{"topics", "there are too many topics", fmt.Sprintf("name at most %d", MaxTopics)}

// CheckTopics returns topics sorted and without repeats, in memory of its
// own, or an [Invalid] that names each bad one.
func CheckTopics(topics []string) ([]string, error) {
	out, bad := checkTopics(topics)
	if bad != nil {
		return nil, bad
	}
	return out, nil
}

func checkTopics(topics []string) (out []string, bad Invalid) {
	if len(topics) > MaxTopics {
		return nil, Invalid{tooManyTopics}
	}
	for i, t := range topics {
		if !isName(t, maxTopic) {
			bad = append(bad, Fault{fmt.Sprintf("topics[%d]", i), fmt.Sprintf("%.40q is not a topic's name", t),
				fmt.Sprintf("use 1 to %d of a–z, 0–9 and inner hyphens", maxTopic)})
		}
	}
	if bad != nil {
		return nil, bad
	}
	out = slices.Clone(topics)
	slices.Sort(out)
	return slices.Compact(out), nil
}
