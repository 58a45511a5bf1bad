# An AMI of a MirageOS unikernel for Xen PV, made with mirage 1 to 3.8.
#
#   mirage configure -t xen --dhcp=true && make
#   packer build -var image=web.xen mirage.pkr.hcl
#   packer build -var image=web.xen -only='*.dev' mirage.pkr.hcl
#
# Version: from 3.9 on, mirage makes images for PVH alone, which PV-GRUB can't
# start; the build refuses them. Either stay with 3.8, or make an HVM AMI that
# starts the image by a multiboot loader such as GRUB 2.
#
# Network: EC2 gives addresses by DHCP, and an image has a fixed one compiled in
# unless it was configured with --dhcp=true.
#
# Command line: MirageOS 2 and 3 look for theirs in xenstore first, where
# PV-GRUB's own may stand instead of the one from here. What matters is set when
# configuring, and the environments get their own image where they differ.
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
  description = "The image that mirage has built, plain or packed."
  type        = string
  default     = "web.xen"
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

variable "images" {
  description = "Images of environments that have one of their own, for example { dev = \"web-dev.xen\" }."
  type        = map(string)
  default     = {}
}

variable "http_port" {
  description = "The port that it serves HTTP on: an AMI whose instance doesn't is not kept. 0: no test."
  type        = number
  default     = 0
}

source "unikernel-ami" "mirage" {
  region   = var.region
  ami_name = "${var.name}-{{ .Environment }}-{{ timestamp }}"
  tags     = { Service = var.name }
}

build {
  source "unikernel-ami.mirage" {
    name        = "dev"
    environment = "dev"
    image       = lookup(var.images, "dev", var.image)
  }

  source "unikernel-ami.mirage" {
    name        = "staging"
    environment = "staging"
    image       = lookup(var.images, "staging", var.image)
  }

  source "unikernel-ami.mirage" {
    name          = "prod"
    environment   = "prod"
    image         = lookup(var.images, "prod", var.image)
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
