# An AMI of a disk that boots by itself, such as those of OSv, LinuxKit and nanos.
#
#   qemu-img convert -O raw build/release/usr.img disk.raw   # OSv
#   linuxkit build --format raw-bios --name disk web.yml     # LinuxKit: disk-bios.img
#   packer build -var image=disk.raw disk.pkr.hcl
#   packer build -var image=disk.raw -only='*.dev' disk.pkr.hcl
#
# Image: a raw disk with a boot sector. It is uploaded as it is.
#
# Network: EC2 assigns addresses by DHCP.
#
# Instances: HVM types of the Xen system (t2, m4, c4) if the disk has Xen's drivers for
# PV on HVM, as OSv, nanos and Linux do. With drivers for ENA and NVMe, set ena_support
# and name types of the Nitro system, such as t3.nano.

packer {
  required_plugins {
    unikernel = {
      version = ">= 0.1.0"
      source  = "github.com/unikernel-ami/unikernel"
    }
  }
}

variable "image" {
  description = "The raw disk."
  type        = string
  default     = "disk.raw"
}

variable "name" {
  description = "The prefix of the AMIs' names; the environment and a timestamp are appended."
  type        = string
  default     = "web"
}

variable "region" {
  description = "The AMIs' region."
  type        = string
  default     = "us-east-1"
}

variable "ena_support" {
  description = "Whether the disk has a driver for ENA, which types of the Nitro system need."
  type        = bool
  default     = false
}

variable "instance_types" {
  description = "The instance types to test on, in order of preference. Default: the smallest that can run the AMI."
  type        = list(string)
  default     = []
}

variable "http_port" {
  description = "The HTTP port to test. An AMI that doesn't respond is removed. 0 disables the test."
  type        = number
  default     = 0
}

source "unikernel-ami" "disk" {
  image       = var.image
  boot_method = "disk"
  ena_support = var.ena_support
  region      = var.region
  ami_name    = "${var.name}-{{ .Environment }}-{{ timestamp }}"
  tags        = { Service = var.name }
}

build {
  source "unikernel-ami.disk" {
    name        = "dev"
    environment = "dev"
  }

  source "unikernel-ami.disk" {
    name        = "staging"
    environment = "staging"
  }

  source "unikernel-ami.disk" {
    name          = "prod"
    environment   = "prod"
    snapshot_tags = { Retain = "yes" }
  }

  post-processors {
    post-processor "unikernel-smoke-test" {
      name           = "smoke-test"
      except         = var.http_port == 0 ? ["unikernel-ami.dev", "unikernel-ami.staging", "unikernel-ami.prod"] : []
      instance_types = var.instance_types
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
