package browsertest

import "encoding/json"

// AXNode is an element as assistive technology is told of it.
type AXNode struct {
	Role  string
	Name  string
	Value string
	Depth int // of the nodes above it that are told of
	// Properties such as "focusable": "true", "level": "2", "live": "polite".
	Properties map[string]string
}

// axNode is CDP's Accessibility.AXNode.
type axNode struct {
	ID         string `json:"nodeId"`
	Ignored    bool
	Role       axValue
	Name       axValue
	Value      axValue
	Properties []struct {
		Name  string
		Value axValue
	}
	Children []string `json:"childIds"`
}

type axValue struct{ Value any }

func (v axValue) String() string {
	switch v := v.Value.(type) {
	case nil:
		return ""
	case string:
		return v
	default:
		b, err := json.Marshal(v)
		if err != nil {
			return ""
		}
		return string(b)
	}
}

// Accessibility is the page's accessibility tree in reading order.
func (p *ChromiumPage) Accessibility() []AXNode {
	p.t.Helper()
	var tree struct{ Nodes []axNode }
	p.do("Accessibility.getFullAXTree", nil, &tree)
	byID := map[string]axNode{}
	for _, n := range tree.Nodes {
		byID[n.ID] = n
	}
	var out []AXNode
	var walk func(id string, depth int)
	walk = func(id string, depth int) {
		n, ok := byID[id]
		if !ok {
			return
		}
		if !n.Ignored {
			a := AXNode{n.Role.String(), n.Name.String(), n.Value.String(), depth, map[string]string{}}
			for _, p := range n.Properties {
				a.Properties[p.Name] = p.Value.String()
			}
			out = append(out, a)
			depth++
		}
		for _, c := range n.Children {
			walk(c, depth)
		}
	}
	if len(tree.Nodes) > 0 {
		walk(tree.Nodes[0].ID, 0) // the first is the document
	}
	return out
}
