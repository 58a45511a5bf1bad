# An AMI of a program on Rumprun for Xen PV.
#
#   rumprun-bake xen_pv web.bin web
#   packer build rumprun.pkr.hcl
#   packer build -only='*.dev' rumprun.pkr.hcl
#
# Configuration: Rumprun reads a JSON file from the disk. This template has one for
# each environment, such as config/dev.json:
#
#   {
#     "rc": [{"bin": "web", "argv": []}],
#     "env": "STAGE=dev",
#     "net": {"if": "xenif0", "cloner": "true", "type": "inet", "method": "dhcp"}
#   }
#
# The file is copied unchanged. Rumprun allows duplicate keys, such as two "env".
#
# Network: EC2 assigns addresses by DHCP, so the JSON must have "method": "dhcp".
#
# Instances: only previous-generation types run PV AMIs: T1, M1, M2, M3, C1 and C3, if
# the region offers them. With boot_method = "pv-shim", the AMI runs on HVM types of the
# Xen system instead, such as t2, m4 and c4.

packer {
  required_plugins {
    unikernel = {
      version = ">= 0.1.0"
      source  = "github.com/unikernel-ami/unikernel"
    }
  }
}

variable "image" {
  description = "The ELF program that rumprun-bake built."
  type        = string
  default     = "web.bin"
}

variable "name" {
  description = "The prefix of the AMIs' names; the environment and a timestamp are appended."
  type        = string
  default     = "web"
}

variable "region" {
  description = "The AMIs' region. It must offer PV-GRUB and PV instances."
  type        = string
  default     = "us-east-1"
}

variable "config" {
  description = "The directory of the JSON files, one for each environment."
  type        = string
  default     = "config"
}

variable "http_port" {
  description = "The HTTP port to test. An AMI that doesn't respond is removed. 0 disables the test."
  type        = number
  default     = 0
}

source "unikernel-ami" "rumprun" {
  image    = var.image
  cmdline  = "_RUMPRUN_ROOTFSCFG=/json.cfg"
  region   = var.region
  ami_name = "${var.name}-{{ .Environment }}-{{ timestamp }}"
  tags     = { Service = var.name }

  # Rumprun mounts /dev/sda1, which must be a file system without partitions.
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
    # Add post-processors for tested AMIs here, in the same block, for example:
    # post-processor "unikernel-copy" {
    #   only        = ["unikernel-ami.prod"]
    #   ami_regions = ["eu-west-1", "us-west-2"]
    # }
    # post-processor "unikernel-publish" {
    #   only           = ["unikernel-ami.prod"]
    #   ami_users      = ["111122223333"]
    #   ssm_parameters = ["/unikernel/{{ .Family }}/{{ .Environment }}/ami"]
    # }
  }
}
