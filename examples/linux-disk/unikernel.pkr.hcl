# An AMI of a disk that boots by itself, tested on an HVM instance:
#
#   ./make-linux-disk.sh build
#   packer build -var image=build/disk.raw unikernel.pkr.hcl
#
# make-linux-disk.sh makes a disk with GRUB and Linux from Debian packages. Any raw
# disk that boots by BIOS, asks for its address by DHCP and has drivers for Xen's
# network works the same way.

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
}

variable "region" {
  type    = string
  default = "us-east-1"
}

source "unikernel-ami" "linux" {
  image       = var.image
  boot_method = "disk"
  region      = var.region
  ami_name    = "linux-disk-{{ timestamp }}"
}

build {
  sources = ["source.unikernel-ami.linux"]

  post-processors {
    post-processor "unikernel-smoke-test" {
      http {
        port = 80
      }
      timeout = "3m"
      report  = "smoke-test.html"
    }
    # Add post-processors for tested AMIs here, in the same block.
  }
}
