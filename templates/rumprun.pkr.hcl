# An AMI of a program on Rumprun for Xen PV.
#
#   rumprun-bake xen_pv web.bin web
#   packer build rumprun.pkr.hcl
#   packer build -only='*.dev' rumprun.pkr.hcl
#
# Configuration: Rumprun reads its JSON from a file on the disk, one for each
# environment here, such as config/dev.json:
#
#   {
#     "rc": [{"bin": "web", "argv": []}],
#     "env": "STAGE=dev",
#     "net": {"if": "xenif0", "cloner": "true", "type": "inet", "method": "dhcp"}
#   }
#
# The file goes to the disk to the byte: several keys of one name, such as two
# "env", are legal for Rumprun.
#
# Network: EC2 gives addresses by DHCP, so the JSON must say "method": "dhcp".
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
  description = "The program that rumprun-bake has baked, an ELF."
  type        = string
  default     = "web.bin"
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

variable "config" {
  description = "The folder of the JSON files, one for each environment."
  type        = string
  default     = "config"
}

variable "http_port" {
  description = "The port that it serves HTTP on: an AMI whose instance doesn't is not kept. 0: no test."
  type        = number
  default     = 0
}

source "unikernel-ami" "rumprun" {
  image    = var.image
  cmdline  = "_RUMPRUN_ROOTFSCFG=/json.cfg"
  region   = var.region
  ami_name = "${var.name}-{{ .Environment }}-{{ timestamp }}"
  tags     = { Service = var.name }

  # Rumprun mounts /dev/sda1 as it is: a file system without partitions.
  layout = "whole-disk"
}

build {
  source "unikernel-ami.rumprun" {
    name        = "dev"
    environment = "dev"
    files       = { "/json.cfg" = "${var.config}/dev.json" }
  }

  source "unikernel-ami.rumprun" {
    name        = "staging"
    environment = "staging"
    files       = { "/json.cfg" = "${var.config}/staging.json" }
  }

  source "unikernel-ami.rumprun" {
    name          = "prod"
    environment   = "prod"
    files         = { "/json.cfg" = "${var.config}/prod.json" }
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
