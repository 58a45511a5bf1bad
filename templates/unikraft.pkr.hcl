# An AMI of a program on Unikraft for Xen PV.
#
#   make                    # platform Xen, architecture x86_64
#   packer build -var image=build/web_xen-x86_64 unikraft.pkr.hcl
#   packer build -var image=build/web_xen-x86_64 -only='*.dev' unikraft.pkr.hcl
#
# Image: the one of the platform Xen. Those of the platforms KVM and Firecracker
# have no entry for Xen PV, and are refused.
#
# Network: EC2 gives addresses by DHCP, which lwIP asks for where it was chosen in
# "make menuconfig". Don't set netdev.ip.
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
  description = "The image of the platform Xen, an ELF."
  type        = string
  default     = "build/web_xen-x86_64"
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

source "unikernel-ami" "unikraft" {
  image    = var.image
  region   = var.region
  ami_name = "${var.name}-{{ .Environment }}-{{ timestamp }}"
  tags     = { Service = var.name }
}

# One image, three AMIs: before "--" are the parameters of Unikraft's libraries,
# behind it the program's arguments.
build {
  source "unikernel-ami.unikraft" {
    name        = "dev"
    environment = "dev"
    cmdline     = "-- --stage=dev --verbose"
  }

  source "unikernel-ami.unikraft" {
    name        = "staging"
    environment = "staging"
    cmdline     = "-- --stage=staging"
  }

  source "unikernel-ami.unikraft" {
    name          = "prod"
    environment   = "prod"
    cmdline       = "-- --stage=prod"
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
