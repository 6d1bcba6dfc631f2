version = 1

locals {
  a = local.b
  b = local.a
}

jobs "x" {}

command "greet" {
  parameter "to" { type = string }
  step "run" { command = "echo ${parameter.too}" }
}

executor "go" {
  docker { image = "golang:1.26" }
}

job "test" {
  parameter "level" {
    type = string
    enum = ["unit", "all"]
  }
  executor = executor.og
  step "greet" { too = "x" }
  step "greet" { to = 5 }
  step "when" {}
  step "run" { comand = "x" }
}

job "lonely" {
  machine = true
  step "run" { command = pipeline.git.brunch }
}

workflow "main" {
  job "test" { level = "some" }
  job "test" {}
  job "tset" {}
  approval "hold" { requires = ["nobody"] }
}
