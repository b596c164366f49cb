package desk

import (
	"reflect"
	"testing"
)

func TestTogether(t *testing.T) {
	got := Together([]Audience{
		{Node: "a", Readers: 5, Everything: 2, Topics: map[string]int{"world": 3, "sport": 1}, Others: 1},
		{Node: "b", Readers: 7, Everything: 7, Topics: map[string]int{"sport": 0}},
		{Node: "c", Readers: 1, Topics: map[string]int{"world": 1}},
	})
	if want := (Audience{Readers: 13, Everything: 9, Topics: map[string]int{"world": 4, "sport": 1}, Others: 1}); !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}
