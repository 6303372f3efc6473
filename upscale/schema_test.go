package upscale

import (
	"encoding/json"
	"flag"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "write the schema files in docs")

// schemaOf describes what encoding/json makes of a type.
func schemaOf(t reflect.Type) map[string]any {
	switch t.Kind() {
	case reflect.Pointer:
		return schemaOf(t.Elem())
	case reflect.Bool:
		return map[string]any{"type": "boolean"}
	case reflect.String:
		return map[string]any{"type": "string"}
	case reflect.Float32, reflect.Float64:
		return map[string]any{"type": "number"}
	case reflect.Slice:
		return map[string]any{"type": []string{"array", "null"}, "items": schemaOf(t.Elem())}
	case reflect.Map:
		return map[string]any{"type": "object", "additionalProperties": schemaOf(t.Elem())}
	case reflect.Struct:
		properties, required := map[string]any{}, []string{}
		for i := range t.NumField() {
			f := t.Field(i)
			name, more, _ := strings.Cut(f.Tag.Get("json"), ",")
			if !f.IsExported() || name == "-" {
				continue
			}
			if f.Anonymous && name == "" { // its fields stand beside the others
				inner := schemaOf(f.Type)
				maps.Copy(properties, inner["properties"].(map[string]any))
				required = append(required, inner["required"].([]string)...)
				continue
			}
			if name == "" {
				name = f.Name
			}
			properties[name] = schemaOf(f.Type)
			if !strings.Contains(more, "omitempty") {
				required = append(required, name)
			}
		}
		return map[string]any{"type": "object", "properties": properties, "required": required, "additionalProperties": false}
	}
	if t == reflect.TypeFor[time.Duration]() {
		return map[string]any{"type": "integer", "description": "nanoseconds"}
	}
	return map[string]any{"type": "integer"}
}

// The schemas in docs are those of the code: a key that changes is a change that programs see. go test ./upscale -run Schema -update
func TestSchema(t *testing.T) {
	for name, value := range map[string]any{"report": Report{}, "estimate": Estimate{}} {
		s := schemaOf(reflect.TypeOf(value))
		s["$schema"], s["title"] = "https://json-schema.org/draft/2020-12/schema", "vsr run: "+name
		want, err := json.MarshalIndent(s, "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join("..", "docs", name+".schema.json")
		if *update {
			if err := os.WriteFile(path, append(want, '\n'), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if have, err := os.ReadFile(path); err != nil || string(have) != string(want)+"\n" {
			t.Errorf("%s is not the schema of the code (%v): go test ./upscale -run Schema -update", path, err)
		}
	}
}
