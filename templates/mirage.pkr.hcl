# An AMI of a MirageOS unikernel for Xen PV, built with mirage 1 to 3.8.
#
#   mirage configure -t xen --dhcp=true && make
#   packer build -var image=web.xen mirage.pkr.hcl
#   packer build -var image=web.xen -only='*.dev' mirage.pkr.hcl
#
# Version: since 3.9, mirage builds images that PV-GRUB can't start: use the template
# solo5 for them.
#
# Network: EC2 assigns addresses by DHCP. Unless an image is configured with
# --dhcp=true, a fixed address is compiled in.
#
# Command line: MirageOS 2 and 3 read it from xenstore first, which may contain
# PV-GRUB's own instead of this one. Set important options with "mirage configure".
# If they differ between environments, build an image for each.
#
# Instances: paravirtual AMIs run only on previous-generation types: T1, M1, M2, M3,
# C1 and C3, if the region offers them. With boot_method = "pv-shim", the same
# image becomes an hvm AMI for t2, m4, c4 and other HVM types of the Xen system.

packer {
  required_plugins {
    unikernel = {
      version = ">= 0.1.0"
      source  = "github.com/unikernel-ami/unikernel"
    }
  }
}

variable "image" {
  description = "The image that mirage built, plain or compressed."
  type        = string
  default     = "web.xen"
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

variable "images" {
  description = "Images for environments that need their own, for example { dev = \"web-dev.xen\" }."
  type        = map(string)
  default     = {}
}

variable "http_port" {
  description = "The HTTP port to test. An AMI that doesn't respond is removed. 0 disables the test."
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
