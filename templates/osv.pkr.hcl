# An AMI of a program on OSv, built as a Xen PV guest.
#
#   scripts/build conf_drivers_xen=1 fs=ramfs image=web
#   packer build -var image=build/release/loader.elf osv.pkr.hcl
#   packer build -var image=build/release/loader.elf -only='*.dev' osv.pkr.hcl
#
# Image: loader.elf, built with conf_drivers_xen=1, or it has no entry for Xen PV
# and is refused. It carries the program only where the file system is a part of
# the kernel. A program of some size is better off with OSv's own way to an HVM
# AMI, which has current instance types, too.
#
# Network: OSv asks for an address by DHCP unless it is told otherwise.
#
# Instances: of the previous generation, as only these run PV: T1, M1, M2, M3,
# C1 and C3, where the region has them.

packer {
  required_plugins {
    unikernel = {
      version = ">= 0.1.0"
      source  = "github.com/unikernel-ami/unikernel"
    }
  }
}

variable "image" {
  description = "OSv's loader with the program in it, an ELF."
  type        = string
  default     = "build/release/loader.elf"
}

variable "name" {
  description = "What the AMIs are called, in front of the environment and the time."
  type        = string
  default     = "web"
}

variable "region" {
  description = "The region to make the AMIs in. PV-GRUB and PV instances must be there."
  type        = string
  default     = "us-east-1"
}

variable "http_port" {
  description = "The port that it serves HTTP on: an AMI whose instance doesn't is not kept. 0: no test."
  type        = number
  default     = 0
}

source "unikernel-ami" "osv" {
  image    = var.image
  region   = var.region
  ami_name = "${var.name}-{{ .Environment }}-{{ timestamp }}"
  tags     = { Service = var.name }
}

# One image, three AMIs: OSv's options come first, then the program and its
# arguments, as in "scripts/run.py -e".
build {
  source "unikernel-ami.osv" {
    name        = "dev"
    environment = "dev"
    cmdline     = "--verbose --env=STAGE=dev /${var.name}.so"
  }

  source "unikernel-ami.osv" {
    name        = "staging"
    environment = "staging"
    cmdline     = "--env=STAGE=staging /${var.name}.so"
  }

  source "unikernel-ami.osv" {
    name          = "prod"
    environment   = "prod"
    cmdline       = "--env=STAGE=prod /${var.name}.so"
    snapshot_tags = { Retain = "yes" }
  }

  post-processors {
    post-processor "unikernel-smoke-test" {
      name   = "smoke-test"
      except = var.http_port == 0 ? ["unikernel-ami.dev", "unikernel-ami.staging", "unikernel-ami.prod"] : []
      http {
        port = var.http_port
      }
      report = "smoke-test-${source.name}.html"
    }
    # What only a tested AMI may go through comes here, in the same block.
  }
}
