# An AMI of a program on Unikraft for Xen PV.
#
#   make                    # platform Xen, architecture x86_64
#   packer build -var image=build/web_xen-x86_64 unikraft.pkr.hcl
#   packer build -var image=build/web_xen-x86_64 -only='*.dev' unikraft.pkr.hcl
#
# Image: build for the platform Xen. Images for KVM and Firecracker have no entry
# point for Xen PV and are rejected.
#
# Network: EC2 assigns addresses by DHCP. Enable DHCP in lwIP with "make menuconfig",
# and don't set netdev.ip.
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
  description = "The ELF image for the platform Xen."
  type        = string
  default     = "build/web_xen-x86_64"
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

source "unikernel-ami" "unikraft" {
  image    = var.image
  region   = var.region
  ami_name = "${var.name}-{{ .Environment }}-{{ timestamp }}"
  tags     = { Service = var.name }
}

# One image, three AMIs: the parameters of Unikraft's libraries come before "--", and
# the program's arguments after it.
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
