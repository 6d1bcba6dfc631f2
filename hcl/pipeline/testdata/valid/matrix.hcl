job "test" {
  parameter "go" { type = string }
  parameter "os" { type = string }
  docker { image = "${parameter.os}/go:${parameter.go}" }
  step "run" { command = "./check" }
}

job "ship" {
  parameter "region" { type = string }
  machine = true
  step "run" { command = "ship ${parameter.region}" }
}

workflow "main" {
  job "test" {
    matrix {
      parameters = {
        os = ["debian", "alpine"]
        go = ["1.25", "1.26"]
      }
      exclude = [{ os = "alpine", go = "1.25" }]
    }
    go = matrix.go
    os = matrix.os
  }
  job "ship" {
    for_each = { eu = "frankfurt", us = "ohio" }
    region   = each.value
    requires = ["test"]
    filters {
      branches {
        only = ["main", "/release-.*/"]
      }
    }
  }
  job "ship" {
    name     = "ship-late"
    region   = "lab"
    requires = ["ship"]
  }
}
