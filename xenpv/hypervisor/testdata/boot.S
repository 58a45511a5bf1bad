# A boot sector. It has the BIOS read the second sector, writes the text in it
# to the first serial port, and does what the byte at 440 selects: p halts, which
# Xen treats as powering off, r resets, c crashes, anything else stays.

	.set PORT, 0x3f8
	.set TEXT, 0x7e00
	.set ACTION, 0x7c00+440
	.set SCHED_OP, 29		# xen/include/public/xen.h
	.set SHUTDOWN, 2		# xen/include/public/sched.h
	.set SHUTDOWN_CRASH, 3

	.code16
	.globl _start
_start:
	xor %ax, %ax
	mov %ax, %ds
	mov %ax, %ss
	mov $0x7c00, %sp
	cld
	mov $packet, %si
	mov $0x42, %ah			# extended read; dl is the BIOS's drive
	int $0x13
	jc stay
	mov $TEXT, %si
write:	lodsb
	test %al, %al
	jz 2f
	mov %al, %ah
	mov $PORT+5, %dx
1:	in %dx, %al
	test $0x20, %al			# the transmitter is empty
	jz 1b
	mov $PORT, %dx
	mov %ah, %al
	out %al, %dx
	jmp write

2:	mov ACTION, %al
	cmp $'p', %al
	je halt
	cmp $'r', %al
	je reset
	cmp $'c', %al
	je crash
stay:	sti
	hlt
	jmp stay
halt:	cli
	hlt
reset:	mov $0xcf9, %dx
	mov $6, %al
	out %al, %dx
	jmp stay

crash:	cli				# by a hypercall, which Xen accepts in protected mode
	lgdt gdtr
	mov %cr0, %eax
	or $1, %al
	mov %eax, %cr0
	ljmp $8, $protected
	.code32
protected:
	mov $16, %eax
	mov %eax, %ds
	mov %eax, %ss
	mov $SCHED_OP, %eax
	mov $SHUTDOWN, %ebx
	mov $reason, %ecx
	vmmcall

	.balign 4
packet:	.byte 16, 0
	.word 1, TEXT, 0		# sectors, offset, segment
	.quad 1				# the first sector
reason:	.long SHUTDOWN_CRASH
gdt:	.quad 0, 0x00cf9b000000ffff, 0x00cf93000000ffff
gdtr:	.word gdtr-gdt-1
	.long gdt
