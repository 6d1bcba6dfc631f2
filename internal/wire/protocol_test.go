// SPDX-License-Identifier: MPL-2.0

package wire_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/muster-ci/muster/internal/wire"
)

func TestAgree(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		output, agent wire.Speaks
		want          int
		problem       string
	}{
		"of one version":            {wire.Ours(), wire.Ours(), wire.Protocol, ""},
		"before there were numbers": {wire.Speaks{Oldest: 1, Newest: 3}, wire.Speaks{}, 1, ""},
		"output is newer":           {wire.Speaks{Oldest: 1, Newest: 3}, wire.Speaks{Oldest: 1, Newest: 2}, 2, ""},
		"the agent is newer":        {wire.Speaks{Oldest: 1, Newest: 2}, wire.Speaks{Oldest: 2, Newest: 4}, 2, ""},
		"the agent is too old": {wire.Speaks{Oldest: 3, Newest: 4}, wire.Speaks{Oldest: 1, Newest: 2}, 0,
			"the agent is too old: it speaks protocols 1 to 2 and output protocols 3 to 4; bring the agent on this client, or in placements, up to output's version"},
		"the agent is too new": {wire.Speaks{Oldest: 1, Newest: 1}, wire.Speaks{Oldest: 2, Newest: 3}, 0,
			"the agent is too new: it speaks protocols 2 to 3 and output protocol 1; bring output up to the agent's version"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := wire.Agree(tt.output, tt.agent)
			problem := ""
			if err != nil {
				problem = err.Error()
			}
			if got != tt.want || problem != tt.problem {
				t.Errorf("got %d %q, want %d %q", got, problem, tt.want, tt.problem)
			}
		})
	}
}

var record = flag.Bool("record", false, "write testdata/protocol anew: only with a new number of the protocol")

// TestMessagesOfProtocol1 reads what agents and outputs of protocol 1 say to
// each other, every field of it set: what is in the files must keep its name and
// its form for as long as OldestProtocol is 1. New fields are no matter.
func TestMessagesOfProtocol1(t *testing.T) {
	t.Parallel()
	for name, message := range map[string]any{
		"claim-request": &wire.ClaimRequest{}, "claim-response": &wire.ClaimResponse{}, "heartbeat": &wire.Heartbeat{},
		"acks": &wire.Acks{}, "error": &wire.Error{}, "event": &wire.Event{},
		"timings-request": &wire.TimingsRequest{}, "timings": &wire.Timings{}, "oidc-request": &wire.OIDCRequest{},
		"archive-begin": &wire.ArchiveBegin{}, "archive-begun": &wire.ArchiveBegun{}, "archive-upload": &wire.ArchiveUpload{},
		"archive-download": &wire.ArchiveDownload{}, "archive-urls": &wire.ArchiveURLs{}, "archive-commit": &wire.ArchiveCommit{},
		"archive-committed": &wire.ArchiveCommitted{}, "archive-find": &wire.ArchiveFind{}, "archive-found": &wire.ArchiveFound{},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join("testdata", "protocol", "1", name+".json")
			if *record {
				fill(reflect.ValueOf(message).Elem(), 0)
				write(t, path, message)
			}
			said, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			understood := reflect.New(reflect.TypeOf(message).Elem()).Interface()
			strict := json.NewDecoder(bytes.NewReader(said))
			strict.DisallowUnknownFields()
			if err := strict.Decode(understood); err != nil {
				t.Fatalf("it cannot be read any more: %v", err)
			}
			again, err := json.Marshal(understood)
			if err != nil {
				t.Fatal(err)
			}
			for _, lost := range differences("", plain(t, said), plain(t, again)) {
				t.Errorf("it is read as something else: %s", lost)
			}
		})
	}
}

// TestFrameOfProtocol1 has the bytes of a frame as they were with protocol 1.
func TestFrameOfProtocol1(t *testing.T) {
	t.Parallel()
	const said = "02ac0205" + "68656c6c6f" + "0f0f935e"
	got := hex.EncodeToString(wire.AppendFrame(nil, wire.Frame{Stream: 2, Offset: 300, Data: []byte("hello")}))
	if got != said {
		t.Errorf("got %s, want %s", got, said)
	}
}

// fill sets every field, so that none is left out for being empty.
func fill(v reflect.Value, depth int) {
	if v.Type() == reflect.TypeFor[time.Time]() {
		v.Set(reflect.ValueOf(time.Unix(1_700_000_000, 0).UTC()))
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Field(i).CanSet() {
				fill(v.Field(i), depth+1)
			}
		}
	case reflect.Pointer:
		if depth < 12 {
			v.Set(reflect.New(v.Type().Elem()))
			fill(v.Elem(), depth+1)
		}
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			v.SetBytes([]byte("b"))
		} else if depth < 12 {
			v.Set(reflect.MakeSlice(v.Type(), 1, 1))
			fill(v.Index(0), depth+1)
		}
	case reflect.Map:
		key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
		fill(key, depth+1)
		fill(value, depth+1)
		v.Set(reflect.MakeMap(v.Type()))
		v.SetMapIndex(key, value)
	case reflect.String:
		v.SetString("s")
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Float32, reflect.Float64:
		v.SetFloat(1.5)
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		v.SetInt(1)
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		v.SetUint(1)
	}
}

func write(t *testing.T, path string, message any) {
	t.Helper()
	text, err := json.MarshalIndent(message, "", "  ")
	if err == nil {
		err = os.MkdirAll(filepath.Dir(path), 0o755)
	}
	if err == nil {
		err = os.WriteFile(path, append(text, '\n'), 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// differences names what was said and is not understood, or otherwise. What is
// understood beyond that is new since.
func differences(path string, said, understood any) (found []string) {
	switch said := said.(type) {
	case map[string]any:
		in, ok := understood.(map[string]any)
		if !ok {
			return []string{fmt.Sprintf("%s is %v", path, understood)}
		}
		for key, value := range said {
			found = append(found, differences(path+"/"+key, value, in[key])...)
		}
	case []any:
		in, ok := understood.([]any)
		if !ok || len(in) != len(said) {
			return []string{fmt.Sprintf("%s is %v", path, understood)}
		}
		for i, value := range said {
			found = append(found, differences(fmt.Sprintf("%s/%d", path, i), value, in[i])...)
		}
	default:
		if said != understood {
			found = []string{fmt.Sprintf("%s is %v and was %v", path, understood, said)}
		}
	}
	return found
}

// plain is JSON without its order.
func plain(t *testing.T, text []byte) any {
	t.Helper()
	var v any
	d := json.NewDecoder(strings.NewReader(string(text)))
	d.UseNumber()
	if err := d.Decode(&v); err != nil {
		t.Fatal(err)
	}
	return v
}
