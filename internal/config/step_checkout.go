// SPDX-License-Identifier: MPL-2.0

package config

import (
	"fmt"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/config/document"
)

// checkoutName is what people see of a checkout step without a name.
const checkoutName = "Checkout code"

var checkoutKeys = keySet{permitted: []string{"depth", "method", "name", "path", "when"}}

func (c *compiler) checkout(n, place *document.Node) (core.StepPlan, bool) {
	if !c.options("checkout", n, place, checkoutKeys) {
		return core.StepPlan{}, false
	}
	step := &core.CheckoutStep{Path: c.text(n.Get("path")), Method: c.checkoutMethod(n.Get("method"))}
	if depth := n.Get("depth"); depth != nil {
		step.Depth = c.integer(depth, 1, 1<<30)
		if step.Method != core.CheckoutShallow {
			c.fail(depth, "Checkout depth can only be used with the shallow checkout method", "add method: shallow, or remove depth")
		}
	}
	return core.StepPlan{Kind: core.StepCheckout, Name: c.title(n, checkoutName), Checkout: step, When: c.when(n)}, true
}

func (c *compiler) checkoutMethod(n *document.Node) core.CheckoutMethod {
	if n == nil {
		return ""
	}
	switch method := core.CheckoutMethod(c.text(n)); method {
	case "", core.CheckoutFull, core.CheckoutBlobless, core.CheckoutShallow:
		return method
	default:
		methods := []string{string(core.CheckoutFull), string(core.CheckoutBlobless), string(core.CheckoutShallow)}
		way := "write one of " + listed(methods)
		if near := suggest(string(method), methods); near != "" {
			way = near + " " + way
		}
		c.fail(n, fmt.Sprintf("Checkout method '%s' is invalid", clip(string(method))), way)
		return ""
	}
}
