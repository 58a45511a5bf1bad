# An AMI of a program on OSv, built as a Xen PV guest.
#
#   scripts/build conf_drivers_xen=1 fs=ramfs image=web
#   packer build -var image=build/release/loader.elf osv.pkr.hcl
#   packer build -var image=build/release/loader.elf -only='*.dev' osv.pkr.hcl
#
# Image: loader.elf. Build it with conf_drivers_xen=1; otherwise it has no entry
# point for Xen PV and is rejected. It includes the program only if the file system
# is part of the kernel (fs=ramfs). For a large program, or for current instance types,
# use OSv's disk, build/release/usr.img, with the template disk.
#
# Network: OSv requests an address by DHCP by default.
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
  description = "OSv's loader, an ELF image that includes the program."
  type        = string
  default     = "build/release/loader.elf"
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

variable "http_port" {
  description = "The HTTP port to test. An AMI that doesn't respond is removed. 0 disables the test."
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
