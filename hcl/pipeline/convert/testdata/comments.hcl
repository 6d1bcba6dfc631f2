# The pipeline of the shop.

# The version.
# of the language

# What to test.
parameter "part" {
  type = string # a folder
  # Everything.
  default = "all"
}
# There are no more.

# What builds.
executor "go" { # the newest
  # From our registry.
  docker {
    image = "cimg/go:1.26" # pinned
    # The database's.
    environment { # of the image
      # Nobody else has it.
      PORT = "5432" # the usual one
    }
  }
}

# Says something.
command "say" {
  # The words.
  parameter "what" { # required
    type = string
  }
  # only one
  # Aloud.
  # not $SHELL
  step "run" {
    command = "echo ${parameter.what}"
  }
  # That was all.
}

# Builds it.
job "build" {     # the first job
  executor = "go" # see above
  environment {
    # For the linker.
    CGO_ENABLED = "0"
  }
  # In this order:
  step "checkout" { # shallow
  }
  # Says hello.
  step "say" {
    what = "hello" # to whom?
  }
  step "run" {
    # A title.
    name = "Test" # short
    # many lines
    command = <<EOT
# of the script
go test ./...
EOT
    # It may take long.
    no_output_timeout = "30m"
  }
  # Only on main.
  # The branch.
  # Publishes.
  # twice
  step "run" {
    condition = truthy(pipeline.git.branch_is_default)
    command   = "make publish"
  }
  step "save_cache" {
    key = "v1" # never changes
    # The first.
    # the second
    paths = ["/go/pkg", "/root/.cache"] # of modules
  }
  # The end of build.
}

# On every push.
workflow "main" {
  # At once.
  job "build" { # without anything
  }
  # When somebody says so.
  # by a person
  approval "hold" {
    filters {
      branches {
        # No others.
        only = "main"
      }
    }
    requires = ["build"] # first
  }
}
# The end.
