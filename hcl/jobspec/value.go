// SPDX-License-Identifier: MPL-2.0

package jobspec

import (
	"errors"
	"fmt"
	"reflect"
	"time"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
)

var duration = reflect.TypeFor[time.Duration]()

// set stores a value of the language in a Go value.
func set(out reflect.Value, value cty.Value) error {
	if out.Type() == duration {
		text, err := convert.Convert(value, cty.String)
		if err != nil {
			return errors.New("a duration such as \"30s\" is needed")
		}
		span, err := time.ParseDuration(text.AsString())
		if err != nil {
			return fmt.Errorf("%q is no duration; write it as \"30s\"", text.AsString())
		}
		out.SetInt(int64(span))
		return nil
	}
	switch out.Kind() {
	case reflect.Pointer:
		one := reflect.New(out.Type().Elem())
		if err := set(one.Elem(), value); err != nil {
			return err
		}
		out.Set(one)
		return nil
	case reflect.Interface:
		out.Set(reflect.ValueOf(plain(value)))
		return nil
	case reflect.Slice:
		return setSlice(out, value)
	case reflect.Map:
		return setMap(out, value)
	default:
		return setScalar(out, value)
	}
}

func setSlice(out reflect.Value, value cty.Value) error {
	if !value.CanIterateElements() || value.Type().IsMapType() || value.Type().IsObjectType() {
		return errors.New("a list is needed")
	}
	list := reflect.MakeSlice(out.Type(), 0, value.LengthInt())
	for it := value.ElementIterator(); it.Next(); {
		_, element := it.Element()
		one := reflect.New(out.Type().Elem()).Elem()
		if err := set(one, element); err != nil {
			return err
		}
		list = reflect.Append(list, one)
	}
	out.Set(list)
	return nil
}

func setMap(out reflect.Value, value cty.Value) error {
	if !value.Type().IsMapType() && !value.Type().IsObjectType() {
		return errors.New("a map is needed")
	}
	m := reflect.MakeMap(out.Type())
	for it := value.ElementIterator(); it.Next(); {
		key, element := it.Element()
		one := reflect.New(out.Type().Elem()).Elem()
		if err := set(one, element); err != nil {
			return err
		}
		m.SetMapIndex(reflect.ValueOf(key.AsString()), one)
	}
	out.Set(m)
	return nil
}

func setScalar(out reflect.Value, value cty.Value) error {
	want, name := cty.Number, "a number"
	switch out.Kind() {
	case reflect.String:
		want, name = cty.String, "a text"
	case reflect.Bool:
		want, name = cty.Bool, "true or false"
	}
	value, err := convert.Convert(value, want)
	if err != nil || value.IsNull() {
		return fmt.Errorf("%s is needed", name)
	}
	switch out.Kind() {
	case reflect.String:
		out.SetString(value.AsString())
	case reflect.Bool:
		out.SetBool(value.True())
	case reflect.Float64:
		f, _ := value.AsBigFloat().Float64()
		out.SetFloat(f)
	default:
		return setInteger(out, value)
	}
	return nil
}

func setInteger(out reflect.Value, value cty.Value) error {
	n, accuracy := value.AsBigFloat().Int64()
	switch {
	case accuracy != 0:
		return errors.New("a whole number is needed; use floor() or ceil()")
	case out.CanInt() && !out.OverflowInt(n):
		out.SetInt(n)
	case out.CanUint() && n >= 0 && !out.OverflowUint(uint64(n)):
		out.SetUint(uint64(n))
	default:
		return fmt.Errorf("%d is out of range", n)
	}
	return nil
}

// plain turns a value into what JSON has.
func plain(value cty.Value) any {
	switch t := value.Type(); {
	case value.IsNull():
		return nil
	case t == cty.String:
		return value.AsString()
	case t == cty.Bool:
		return value.True()
	case t == cty.Number:
		if n, accuracy := value.AsBigFloat().Int64(); accuracy == 0 {
			return n
		}
		f, _ := value.AsBigFloat().Float64()
		return f
	case t.IsMapType() || t.IsObjectType():
		m := map[string]any{}
		for it := value.ElementIterator(); it.Next(); {
			key, element := it.Element()
			m[key.AsString()] = plain(element)
		}
		return m
	default:
		list := []any{}
		for it := value.ElementIterator(); it.Next(); {
			_, element := it.Element()
			list = append(list, plain(element))
		}
		return list
	}
}
