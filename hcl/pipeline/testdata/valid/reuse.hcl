parameter "deploy" {
  type    = bool
  default = false
}

locals {
  registry = "registry.example.com/${local.team}"
  team     = "core"
}

executor "go" {
  docker { image = "golang:1.26" }
  docker {
    image       = "postgres:16"
    environment = { POSTGRES_PASSWORD = "x" }
  }
  resource_class = "large"
  environment    = { GOFLAGS = "-mod=readonly" }
}

command "build" {
  parameter "target" {
    type = string
  }
  parameter "race" {
    type    = bool
    default = false
  }
  parameter "after" {
    type    = steps
    default = null
  }
  step "run" {
    name    = "Build ${parameter.target}"
    command = "go build ${parameter.race ? "-race " : ""}./cmd/${parameter.target}"
  }
  step "steps" {
    condition = parameter.after != null
    steps     = parameter.after
  }
}

job "test" {
  parameter "level" {
    type    = string
    enum    = ["unit", "all"]
    default = "unit"
  }
  executor    = executor.go
  parallelism = parameter.level == "all" ? 4 : 2

  step "checkout" {}
  step "build" {
    for_each = ["server", "agent"]
    target   = each.value
    race     = each.key == 0
  }
  step "build" {
    target = "cli"
    steps "after" {
      step "run" { command = "./cli --version" }
    }
  }
  step "run" { command = "go test -run ${upper(parameter.level)}" }
  step "run" {
    condition = pipeline.git.branch == "main" && pipeline.git.tag == null
    command   = "echo ${local.registry}:${pipeline.number}"
  }
  step "run" {
    condition = pipeline.parameters.deploy
    command   = "echo never"
  }
}

workflow "main" {
  job "test" {}
  job "test" {
    name  = "test-all"
    level = "all"
  }
  approval "hold" {
    requires = [job.test, { test-all = ["success", "failed"] }]
  }
}

workflow "release" {
  condition = parameter.deploy
  job "test" {}
}
