; The BIOS boot loader: a boot sector and a second stage. It starts a multiboot
; kernel from files whose sectors are listed in a table (table.go makes it, and
; documents it beside the constants that both sides share). It knows no file
; system and no ELF: the table is a list of steps, and the last step is a jump.
;
; Assemble: nasm -f bin -o boot.bin boot.asm   (go generate; a test compares)
;
; boot.bin holds the sector, padded to 1024 bytes, and then the second stage.
; Both are assembled together, so that the second stage uses the sector's code.
;
; Memory while loading (everything else below 1 MiB stays as the BIOS left it):
;   05000-05fff  variables
;   06000-06fff  stack. Variables and stack share no page with code: emulators check each
;                write to such a page, which makes the loader ten times slower
;   07c00-07dff  boot sector, loaded by the BIOS
;   08000-0efff  second stage: code, table, multiboot information, strings
;   0f000-0ffdf  memory map in multiboot format
;   10000-1ffff  buffer for disk reads, one 64 KiB DMA page
;   20000-23fff  tables for inflate and CRC-32
; Kernel and modules lie at 1 MiB and above; every step is checked against the memory map.

VARIABLES   equ 0x5000
STACK       equ 0x7000
STAGE2      equ 0x8000
MAP         equ 0xf000
MAP_END     equ 0xffe0          ; room for 168 entries of 24 bytes
BUFFER      equ 0x10000
RUN         equ 127             ; sectors per read: the most that every BIOS accepts, and less than 64 KiB
MAGIC       equ 0x32424e55      ; "UNB2": the second stage was read
VERSION     equ 0x31544e55      ; "UNT1": the table's version

; Decoding tables for inflate: 1024 words indexed by the next 10 bits (symbol<<4 | length,
; 0 if the code is longer), the number of codes of each length, and the symbols in code order.
FAST_BITS   equ 10
COUNTS      equ 2 << FAST_BITS
SYMBOLS     equ COUNTS + 32
LITERALS    equ 0x20000
DISTANCES   equ 0x21000
LENGTHS     equ 0x22000         ; code lengths, one byte each
CRC_TABLE   equ 0x23000

absolute VARIABLES
drive:      resb 1
last:       resb 1              ; this deflate block is the last one
            resb 2
map_end:    resd 1              ; end of the memory map's entries
extent:     resd 1              ; next extent of the current file
extents_end: resd 1
left:       resd 1              ; bytes of the current file not yet read
limit:      resd 1              ; end of the bytes in the buffer
out_start:  resd 1              ; where the current file goes in memory
out_end:    resd 1
header:     resb 10             ; gzip header

section .text
org 0x7c00
bits 16

; ---- Boot sector ------------------------------------------------------------

start:
    cli
    xor ax, ax
    mov ds, ax
    mov es, ax
    mov ss, ax
    mov sp, STACK
    jmp 0:.go                   ; some BIOSes start at 07c0:0000
.go:
    sti
    cld
    mov [drive], dl

    mov si, uart                ; COM1: 115200 baud, 8N1, FIFO on, no interrupts
    mov cx, 7
    mov dh, 0x03
.uart:
    lodsw
    mov dl, al
    mov al, ah
    out dx, al
    loop .uart

    mov ah, 0x41                ; are there extended reads?
    mov bx, 0x55aa
    mov dl, [drive]
    int 0x13
    mov si, no_lba
    jc fail
    cmp bx, 0xaa55
    jne fail
    test cl, 1
    jz fail

    call read                   ; the second stage
    mov si, no_stage2
    cmp dword [stage2], MAGIC
    je stage2 + 4

; fail prints the line at SI on screen and serial port, and halts.
fail:
    lodsb
    test al, al
    jz .halt
    push ax
    mov ah, 0x0e
    mov bx, 7
    int 0x10
    mov dx, 0x3fd
    xor cx, cx
.wait:                          ; until the UART takes a byte, but not forever
    in al, dx
    test al, 0x20
    loopz .wait
    mov dl, 0xf8
    pop ax
    out dx, al
    jmp fail
.halt:
    hlt
    jmp .halt

; read reads what the packet says, or fails.
read:
    mov si, packet
    mov dl, [drive]
    mov ah, 0x42
    int 0x13
    mov si, disk_read
    jc fail
    ret

uart:       db 0xf9, 0, 0xfb, 0x80, 0xf8, 1, 0xf9, 0, 0xfb, 3, 0xfa, 7, 0xfc, 3
no_lba:     db "E1: BIOS cannot read this disk by LBA", 13, 10, 0
disk_read:  db "E2: disk read", 13, 10, 0
no_stage2:  db "E3: no second stage", 13, 10, 0

; The packet of the extended read. The wrapper writes the second stage's place
; into it: the number of sectors at byte 426, the first sector at byte 432.
    times 424 - ($ - $$) db 0
packet:     db 16, 0
.count:     dw 0
.offset:    dw STAGE2
.segment:   dw 0
.sector:    dq 0
; From 440: disk signature and partition table, none here.
    times 510 - ($ - $$) db 0
    dw 0xaa55
    times STAGE2 - 0x7c00 - ($ - $$) db 0

; ---- Second stage, 16-bit: what only the BIOS knows -------------------------

stage2:
    dd MAGIC

    mov di, MAP                 ; E820, each entry behind its size
    xor ebx, ebx
.map:
    mov dword [di], 20
    add di, 4
    mov eax, 0xe820
    mov edx, 0x534d4150         ; "SMAP"
    mov ecx, 20
    int 0x15
    jc .map_stop
    cmp eax, 0x534d4150
    jne .map_stop
    add di, 20
    test ebx, ebx
    jz .map_done
    cmp di, MAP_END - 24
    jb .map
    jmp .map_done
.map_stop:                      ; some BIOSes end the list this way
    sub di, 4
.map_done:
    mov si, no_map
    cmp di, MAP
    je fail
    movzx edi, di
    mov [map_end], edi

    in al, 0x92                 ; A20 by the fast gate, and by the BIOS
    or al, 2
    and al, 0xfe                ; bit 0 would reset the machine
    out 0x92, al
    mov ax, 0x2401
    int 0x15

    int 0x12                    ; kilobytes below the BIOS's data
    push ax
    mov eax, main
    jmp protect

; protect enters protected mode and jumps to EAX. The BIOS may have changed the GDTR.
protect:
    cli
    lgdt [gdt_pointer]
    mov edx, cr0
    or dl, 1
    mov cr0, edx
    jmp 0x08:.flat
bits 32
.flat:
    mov edx, 0x10
    mov ds, edx
    mov es, edx
    mov ss, edx
    mov fs, edx
    mov gs, edx
    jmp eax

; real returns to real mode and jumps to AX.
real:
    jmp 0x18:.segment
bits 16
.segment:
    mov dx, 0x20                ; 64 KiB segments, as real mode has them
    mov ds, dx
    mov es, dx
    mov ss, dx
    mov fs, dx
    mov gs, dx
    mov edx, cr0
    and dl, 0xfe
    mov cr0, edx
    jmp 0:.real
.real:
    xor dx, dx
    mov ds, dx
    mov es, dx
    mov ss, dx
    mov fs, dx
    mov gs, dx
    sti
    jmp ax

    align 8, db 0
gdt:
    dq 0
    dq 0x00cf9b000000ffff       ; 08: code, 32 bits, 4 GiB
    dq 0x00cf93000000ffff       ; 10: data, 4 GiB
    dq 0x00009b000000ffff       ; 18: code, 16 bits, 64 KiB
    dq 0x000093000000ffff       ; 20: data, 64 KiB
gdt_pointer:
    dw $ - gdt - 1
    dd gdt

no_map:     db "E4: no memory map", 13, 10, 0
no_a20:     db "E5: A20 is off", 13, 10, 0
bad_table:  db "E6: bad file table", 13, 10, 0
no_memory:  db "E7: not enough memory", 13, 10, 0
bad_gzip:   db "E8: bad gzip data", 13, 10, 0
no_kernel:  db "E9: no multiboot kernel", 13, 10, 0

; ---- Second stage, 32-bit: the steps of the table ---------------------------

bits 32
main:
    mov esi, no_a20
    not dword [STAGE2 + 0x100000]
    cmp dword [STAGE2], MAGIC   ; the same memory, if A20 is off
    jne die
    mov esi, bad_table
    cmp dword [table], VERSION
    jne die

    mov ebx, [table + 8]        ; the multiboot information
    movzx eax, word [esp]
    mov [ebx + 4], eax          ; mem_lower
    mov edi, 0x100000
    xor ecx, ecx
    call check
    sub eax, edi
    shr eax, 10
    mov [ebx + 8], eax          ; mem_upper
    mov al, [drive]
    mov [ebx + 15], al          ; boot_device
    mov eax, [map_end]
    sub eax, MAP
    mov [ebx + 44], eax         ; mmap_length

    mov esi, table + 12
; A step: kind, address, length, argument.
step:
    lodsd
    mov edi, [esi]
    mov ecx, [esi + 4]
    mov edx, [esi + 8]
    add esi, 12
    test eax, eax
    jz jump
    push eax
    call check
    pop eax
    push step
    dec eax
    jz load
    dec eax
    jz copy
    dec eax
    jz clear
    dec eax
    jz expect
    mov esi, bad_table
    jmp die

; Step 0: start the kernel at the table's entry point.
jump:
    mov al, 0xff                ; Mask both interrupt controllers. Kernels that take their
    out 0x21, al                ; interrupts from Xen never do, and would get the timer's
    out 0xa1, al                ; as vector 8, a double fault.
    mov eax, 0x2badb002
    mov ebx, [table + 8]
    jmp dword [table + 4]

; Step 2: copy ECX bytes from EDX.
copy:
    push esi
    mov esi, edx
    call move
    pop esi
    ret

; Step 3: clear ECX bytes.
clear:
    xor eax, eax
    mov edx, ecx
    shr ecx, 2
    rep stosd
    mov ecx, edx
    and ecx, 3
    rep stosb
    ret

; Step 4: the word at EDI is EDX, or this is not the kernel that the table was made for.
expect:
    cmp [edi], edx
    mov edx, esi
    mov esi, no_kernel
    jne die
    mov esi, edx
    ret

; Step 1: read a file of EDX bytes into ECX bytes of memory. Behind the step: the number
; of extents, with bit 31 set if the file is to be decompressed; then the extents, each
; the first sector (8 bytes) and the number of sectors (4).
load:
    mov [out_start], edi
    add ecx, edi
    mov [out_end], ecx
    mov [left], edx
    lodsd
    mov [extent], esi
    add eax, eax                ; CF: decompress
    lea eax, [eax + eax * 2]    ; 12 bytes each; CF stays
    lea esi, [esi + eax * 2]
    mov [extents_end], esi
    push esi
    jc .inflate
.raw:
    cmp edi, [out_end]
    jae .done
    call fill
    mov ecx, [limit]
    sub ecx, esi
    call move
    jmp .raw
.inflate:
    call inflate
.done:
    pop esi
    ret

; move copies ECX bytes from ESI to EDI.
move:
    push ecx
    shr ecx, 2
    rep movsd
    pop ecx
    and ecx, 3
    rep movsb
    ret

; fill reads the current file's next run of sectors. ESI: its bytes, up to [limit].
fill:
    pushad
    mov esi, bad_gzip           ; only inflate can run past the end of a file
    mov ecx, [left]
    test ecx, ecx
    jz die
    mov ebx, [extent]
    mov esi, bad_table
    cmp ebx, [extents_end]
    jae die

    mov eax, ecx                ; sectors: of the file, of the extent, of one read
    dec eax
    shr eax, 9
    inc eax
    cmp eax, [ebx + 8]
    jbe .extent
    mov eax, [ebx + 8]
.extent:
    cmp eax, RUN
    jbe .run
    mov eax, RUN
.run:
    mov edi, packet
    mov [edi + 2], ax
    mov dword [edi + 4], BUFFER << 12 ; segment BUFFER / 16, offset 0
    mov edx, [ebx]
    mov [edi + 8], edx
    mov edx, [ebx + 4]
    mov [edi + 12], edx

    add [ebx], eax              ; the extent shrinks to what is left of it
    adc dword [ebx + 4], 0
    sub [ebx + 8], eax
    jnz .more
    add dword [extent], 12
.more:
    shl eax, 9
    cmp eax, ecx
    jbe .bytes
    mov eax, ecx
.bytes:
    sub [left], eax
    add eax, BUFFER
    mov [limit], eax

    mov eax, .read
    jmp real
bits 16
.read:
    call read
    mov eax, .back
    jmp protect
bits 32
.back:
    popad
    mov esi, BUFFER
    ret

; die prints the line at ESI and halts.
die:
    mov eax, fail
    jmp real

; check fails unless the ECX bytes at EDI are memory above 1 MiB. EAX: the end of that memory.
check:
    push esi
    push edx
    mov esi, MAP
    cmp edi, 0x100000
    jb .fail
.entry:
    cmp esi, [map_end]
    jae .fail
    add esi, 24
    cmp dword [esi - 4], 1      ; type: memory
    jne .entry
    cmp dword [esi - 16], 0     ; base, high word
    jne .entry
    mov eax, [esi - 20]         ; base, low word
    cmp eax, edi
    ja .entry
    mov edx, [esi - 8]          ; length, high word
    add eax, [esi - 12]         ; length, low word
    adc edx, 0
    jz .end
    or eax, -1                  ; beyond 4 GiB
.end:
    mov edx, edi
    add edx, ecx
    jc .fail
    cmp edx, eax
    ja .entry
    pop edx
    pop esi
    ret
.fail:
    mov esi, no_memory
    jmp die

; ---- Decompression: gzip (RFC 1952) and deflate (RFC 1951) ------------------
; ESI: next byte of the buffer, EDI: next byte of output, EBX: bits read but not
; used, EBP: how many.

inflate:
    xor ebx, ebx
    xor ebp, ebp
    xor esi, esi                ; nothing in the buffer
    mov [limit], esi
    push edi
    mov edi, header
    mov ecx, 10
.header:
    call byte_in
    stosb
    loop .header
    pop edi
    mov edx, [header]
    rol edx, 8                  ; DL: flags
    mov eax, edx
    shr eax, 8
    cmp eax, 0x088b1f           ; gzip, deflate
    jne corrupt
    test dl, 4                  ; extra field
    jz .name
    call byte_in
    movzx ecx, al
    call byte_in
    mov ch, al
    jecxz .name
.extra:
    call byte_in
    loop .extra
.name:
    test dl, 8                  ; file name
    jz .comment
    call skip_string
.comment:
    test dl, 16                 ; comment
    jz .crc16
    call skip_string
.crc16:
    test dl, 2                  ; checksum of the header
    jz block
    call byte_in
    call byte_in

block:
    mov ecx, 1
    call bits_in
    mov [last], al
    mov ecx, 2
    call bits_in
    dec eax
    js stored
    jz fixed
    dec eax
    jz dynamic
corrupt:
    mov esi, bad_gzip
    jmp die

block_end:
    cmp byte [last], 0
    je block

; The trailer: CRC-32 and size of the output.
    call align_in
    call word_in
    push eax
    call word_in
    mov ecx, [out_start]
    sub edi, ecx
    cmp edi, eax
    jne corrupt
    add edi, ecx
    cmp edi, [out_end]
    jne corrupt

    mov edi, CRC_TABLE
    xor edx, edx
.entry:
    mov eax, edx
    mov cl, 8
.bit:
    shr eax, 1
    jnc .zero
    xor eax, 0xedb88320
.zero:
    dec cl
    jnz .bit
    stosd
    inc dl
    jnz .entry

    or eax, -1
    mov esi, [out_start]
.crc:
    cmp esi, [out_end]
    jae .crc_done
    movzx edx, al
    xor dl, [esi]
    inc esi
    shr eax, 8
    xor eax, [CRC_TABLE + edx * 4]
    jmp .crc
.crc_done:
    not eax
    pop edx
    cmp eax, edx
    jne corrupt
    ret

stored:
    call align_in
    call word_in                ; length, and its complement
    movzx ecx, ax
    shr eax, 16
    xor eax, 0xffff
    cmp eax, ecx
    jne corrupt
    test ecx, ecx
    jz block_end
    lea eax, [edi + ecx]
    cmp eax, [out_end]
    ja corrupt
.copy:
    call byte_in
    stosb
    loop .copy
    jmp block_end

fixed:                          ; code lengths: 144 x 8, 112 x 9, 24 x 7, 8 x 8; 30 x 5
    push edi
    mov edi, LENGTHS
    mov edx, fixed_lengths
.run:
    movzx ecx, byte [edx]
    mov al, [edx + 1]
    add edx, 2
    rep stosb
    cmp edx, fixed_lengths.end
    jb .run
    pop edi
    push 30
    push 288
    jmp codes

dynamic:
    mov ecx, 5
    call bits_in
    add eax, 257
    push eax                    ; [esp + 8]: literal and length codes
    mov ecx, 5
    call bits_in
    inc eax
    xchg eax, [esp]             ; order for codes: distances below, literals on top
    push eax
    mov ecx, 4
    call bits_in
    add eax, 4
    push edi

    mov edi, LENGTHS            ; the code for the code lengths
    push eax
    xor eax, eax
    mov ecx, 5
    rep stosd
    pop eax
    mov edi, order
    add eax, edi
.order:
    push eax
    mov ecx, 3
    call bits_in
    movzx edx, byte [edi]
    mov [LENGTHS + edx], al
    pop eax
    inc edi
    cmp edi, eax
    jb .order
    push esi
    mov esi, LENGTHS
    mov ecx, 19
    mov edx, LITERALS
    call build
    pop esi

    mov edi, LENGTHS
.length:
    mov eax, [esp + 4]
    add eax, [esp + 8]
    add eax, LENGTHS
    cmp edi, eax
    je .lengths_done
    ja corrupt
    mov edx, LITERALS
    call decode
    cmp al, 16
    jb .one
    mov ecx, 2                  ; 16: the last one 3 to 6 times
    mov dl, [edi - 1]
    mov dh, 3
    je .repeat
    inc ecx                     ; 17: zero 3 to 10 times
    mov dl, 0
    cmp al, 17
    je .repeat
    mov cl, 7                   ; 18: zero 11 to 138 times
    mov dh, 11
.repeat:
    push edx
    call bits_in
    pop edx
    movzx ecx, dh
    add ecx, eax
    mov al, dl
    rep stosb
    jmp .length
.one:
    stosb
    jmp .length
.lengths_done:
    pop edi

codes:                          ; on the stack: numbers of literal and of distance codes
    pop ecx
    pop eax
    push esi
    mov esi, LENGTHS
    mov edx, LITERALS
    call build
    add esi, ecx
    mov ecx, eax
    mov edx, DISTANCES
    call build
    pop esi

.next:
    mov edx, LITERALS
    call decode
    sub eax, 256
    je block_end
    ja .match
    cmp edi, [out_end]
    jae corrupt
    stosb
    jmp .next
.match:
    dec eax                     ; length, less 3
    cmp eax, 28
    ja corrupt
    mov cl, 2
    jne .length
    mov eax, 255
    jmp .have_length
.length:
    call value
.have_length:
    add eax, 3
    push eax
    mov edx, DISTANCES
    call decode
    cmp eax, 29
    ja corrupt
    mov cl, 1
    call value                  ; distance, less 1
    pop ecx
    mov edx, edi
    sub edx, [out_start]
    cmp eax, edx
    jae corrupt
    lea edx, [edi + ecx]
    cmp edx, [out_end]
    ja corrupt
    push esi
    not eax
    lea esi, [edi + eax]
    rep movsb
    pop esi
    jmp .next

; value turns the code EAX of a length (CL = 2) or a distance (CL = 1) into its value,
; less its smallest: with e = (code >> CL) - 1 extra bits, (code - (e << CL)) << e plus these bits.
value:
    mov edx, eax
    shr edx, cl
    dec edx
    jle .done
    push edx
    shl edx, cl
    sub eax, edx
    pop ecx
    shl eax, cl
    push eax
    call bits_in
    pop edx
    add eax, edx
.done:
    ret

; build makes the tables at EDX for the ECX code lengths at ESI.
build:
    pushad
    mov edi, edx
    xor eax, eax
    mov ecx, SYMBOLS / 4
    rep stosd                   ; EDI: symbols
    mov ecx, [esp + 24]
.count:
    movzx eax, byte [esi + ecx - 1]
    inc word [edx + COUNTS + eax * 2]
    loop .count
    mov [edx + COUNTS], cx      ; length 0: no code
    xor ebx, ebx                ; next code
    inc ecx                     ; its length
.bits:
    xor ebp, ebp                ; symbol
.symbol:
    cmp [esi + ebp], cl
    jne .other
    mov [edi], bp
    add edi, 2
    cmp cl, FAST_BITS
    ja .slow
    pushad
    mov edi, 1
    shl edi, cl
    shl ebp, 4
    or ebp, ecx
    xor eax, eax
.reverse:                       ; the stream has a code's first bit lowest
    shr ebx, 1
    adc eax, eax
    loop .reverse
.fast:
    mov [edx + eax * 2], bp
    add eax, edi
    cmp eax, 1 << FAST_BITS
    jb .fast
    popad
.slow:
    inc ebx
.other:
    inc ebp
    cmp ebp, [esp + 24]
    jb .symbol
    add ebx, ebx
    inc ecx
    cmp cl, 16
    jb .bits
    popad
    ret

; decode reads a symbol by the tables at EDX into EAX.
decode:
    cmp ebp, 15
    jae .look
    lea eax, [esi + 2]          ; two bytes at once, if the buffer has them
    cmp eax, [limit]
    ja .bytes
    movzx eax, word [esi]
    add esi, 2
    mov ecx, ebp
    shl eax, cl
    or ebx, eax
    add ebp, 16
    jmp .look
.bytes:
    mov ecx, 15                 ; the trailer is longer than what this may read too far
    call need
.look:
    mov eax, ebx
    and eax, (1 << FAST_BITS) - 1
    movzx eax, word [edx + eax * 2]
    mov ecx, eax
    and ecx, 15
    jz .long
    shr ebx, cl
    sub ebp, ecx
    shr eax, 4
    ret

.long:                          ; bit by bit; EAX: code less the first code of its length
    push edi
    lea edi, [edx + SYMBOLS]    ; symbols of this length
    push esi
    lea esi, [edx + COUNTS]
    mov cl, 15
.bit:
    add esi, 2
    shr ebx, 1
    adc eax, eax
    dec ebp
    movzx edx, word [esi]
    cmp eax, edx
    jb .found
    sub eax, edx
    lea edi, [edi + edx * 2]
    loop .bit
    jmp corrupt                 ; no such code
.found:
    movzx eax, word [edi + eax * 2]
    pop esi
    pop edi
    ret

; need fetches bytes until EBX holds ECX bits, at most 16.
need:
    cmp ebp, ecx
    jae .done
    push ecx
    call byte_in
    movzx eax, al
    mov ecx, ebp
    shl eax, cl
    or ebx, eax
    add ebp, 8
    pop ecx
    jmp need
.done:
    ret

; bits_in reads ECX bits, at most 16, into EAX.
bits_in:
    call need
    mov eax, ebx
    shr ebx, cl
    mov edx, ebx
    shl edx, cl
    xor eax, edx
    sub ebp, ecx
    ret

; align_in drops the bits up to the next whole byte.
align_in:
    mov ecx, ebp
    and ecx, 7
    jmp bits_in

; word_in reads 32 bits into EAX. After align_in this leaves no bits in EBX.
word_in:
    mov ecx, 16
    call bits_in
    push eax
    call bits_in
    shl eax, 16
    pop edx
    or eax, edx
    ret

; skip_string reads up to a zero byte.
skip_string:
    call byte_in
    test al, al
    jnz skip_string
    ret

; byte_in reads a byte into AL.
byte_in:
    cmp esi, [limit]
    jb .have
    call fill
.have:
    lodsb
    ret

order:      db 16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15
fixed_lengths: db 144, 8, 112, 9, 24, 7, 8, 8, 30, 5
.end:

    align 16, db 0
table:                          ; the wrapper appends it: see table.go
